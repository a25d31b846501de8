"use strict";
// Sorting and finding. The page says everything without it.
for (const head of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending" && head.classList.contains("num")
      || head.getAttribute("aria-sort") === "ascending";
    const body = head.closest("table").tBodies[0];
    const at = head.cellIndex;
    const value = (row) => {
      const cell = row.cells[at];
      return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim();
    };
    const order = (one, other) => typeof one === "number" && typeof other === "number"
      ? one - other
      : String(one).localeCompare(String(other), undefined, { numeric: true });
    const rows = [...body.rows].sort((one, other) => order(value(one), value(other)));
    body.append(...(down ? rows.reverse() : rows));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  });
}
for (const field of document.querySelectorAll(".find")) {
  field.hidden = false;
  const rows = [...document.getElementById(field.dataset.for).tBodies[0].rows];
  const count = field.querySelector("output");
  field.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.value = `${shown} of ${rows.length}`;
  });
}
