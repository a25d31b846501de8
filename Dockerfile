# syntax=docker/dockerfile:1
# The commands in an image that needs no rights and writes nothing (docs/running.md).
# The build argument makes the base image one that the builder has chosen and pinned.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements-runtime.lock ./
RUN python -m venv /opt/deploysweep \
 && /opt/deploysweep/bin/pip install --no-cache-dir --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY docs/man docs/man
COPY config/completion config/completion
COPY reconciler reconciler
COPY deployer deployer
RUN /opt/deploysweep/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/deploysweep /opt/deploysweep
ENV PATH=/opt/deploysweep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DEPLOY_CONFIG=/config
USER 65532:65532
WORKDIR /
EXPOSE 9750
ENTRYPOINT ["reconciler"]
CMD ["--help"]
