"use strict";
// Sorting: a click on the head of a column; numbers begin with the largest.
for (const head of document.querySelectorAll(".sortable thead th")) {
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
// Filter and export of a table.
const quoted = (text) => {
  const plain = text.trim().replace(/\s+/g, " ");
  const inert = /^[=+\-@]/.test(plain) ? `'${plain}` : plain;
  return `"${inert.replaceAll('"', '""')}"`;
};
for (const tools of document.querySelectorAll(".tools")) {
  tools.hidden = false;
  const table = document.getElementById(tools.dataset.for);
  const rows = [...table.tBodies[0].rows];
  const field = tools.querySelector("input");
  field?.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    tools.querySelector("output").value = `${shown} of ${rows.length}`;
  });
  tools.querySelector(".export").addEventListener("click", () => {
    const lines = [table.tHead.rows[0], ...table.tBodies[0].rows].filter((row) => !row.hidden)
      .map((row) => [...row.cells].map((cell) => quoted(cell.textContent)).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${table.id}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
// Commands that can be copied.
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.setAttribute("aria-label", `copy ${button.dataset.copy}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  });
}
// Charts, in the colours of the page, which change with the scheme.
const data = JSON.parse(document.getElementById("chart-data").textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const STATES = {
  live: "--live", previous: "--previous", rejected: "--rejected", held: "--kept", kept: "--kept",
  releasing: "--busy", garbage: "--garbage", failed: "--garbage",
};
const ofState = (state) => colour(STATES[state] ?? "--else");
const dollars = (value) => `$${Number(value).toLocaleString("en-US", { maximumFractionDigits: 2 })}`;
const day = (time) => new Date(time).toISOString().slice(5, 16).replace("T", " ");
const charts = [];
const draw = (name, rows, settings) => {
  const figure = document.querySelector(`[data-chart="${name}"]`);
  if (!rows) return;
  figure.hidden = false;
  figure.querySelector("div").style.height = `${Math.max(rows * 28, 160) + 70}px`;
  const grid = { color: colour("--line") };
  const ticks = { color: colour("--soft") };
  charts.push(new Chart(figure.querySelector("canvas"), {
    ...settings,
    options: {
      animation: false, maintainAspectRatio: false, responsive: true,
      ...settings.options,
      plugins: {
        legend: { labels: { color: colour("--ink"), boxWidth: 14 } },
        ...settings.options.plugins,
      },
      scales: Object.fromEntries(Object.entries(settings.options.scales).map(([axis, own]) =>
        [axis, { grid, ...own, ticks: { ...ticks, ...own.ticks } }])),
    },
  }));
};
const drawAll = () => {
  while (charts.length) charts.pop().destroy();
  draw("services", data.services.names.length, {
    type: "bar",
    data: {
      labels: data.services.names,
      datasets: Object.entries(data.services.states).map(([state, values]) =>
        ({ label: state, data: values, backgroundColor: ofState(state) })),
    },
    options: {
      indexAxis: "y",
      scales: { x: { stacked: true, ticks: { callback: dollars } }, y: { stacked: true } },
      plugins: { tooltip: { callbacks: { label: (at) => `${at.dataset.label} ${dollars(at.raw)}` } } },
    },
  });
  draw("days", data.days.length && 6, {
    type: "bar",
    data: {
      labels: data.days.map((each) => each.day),
      datasets: [
        { label: "wasted", data: data.days.map((each) => each.wasted), backgroundColor: colour("--garbage") },
        { label: "saved by sweeps", data: data.days.map((each) => each.saved), backgroundColor: colour("--live") },
      ],
    },
    options: { scales: { x: {}, y: { ticks: { callback: dollars } } } },
  });
  const lives = data.lives;
  draw("lives", lives.length, {
    type: "bar",
    data: {
      labels: lives.map((life) => `${life.name}, ${life.state}`),
      datasets: [{
        label: "from birth until its end or now", minBarLength: 4,
        data: lives.map((life) => [life.from, life.to]),
        backgroundColor: lives.map((life) => ofState(life.state)),
      }],
    },
    options: {
      indexAxis: "y",
      scales: {
        x: { min: Math.min(...lives.map((life) => life.from)), ticks: { callback: day, maxRotation: 0, autoSkipPadding: 20 } },
        y: {},
      },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: (at) => at.raw.map(day).join(" to ") } },
      },
    },
  });
};
drawAll();
for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", drawAll);
addEventListener("beforeprint", () => charts.forEach((chart) => chart.resize(640, 300)));
addEventListener("afterprint", () => charts.forEach((chart) => chart.resize()));
