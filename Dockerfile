# thatlook's server and worker: the core and the extras mcp, otel and redis, the starter weights, no torch.
ARG PYTHON=python:3.11.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/thatlook
ENV PATH=/opt/thatlook/bin:$PATH
# The lock first: this layer stays until the lock changes.
COPY requirements/image.txt requirements/image.txt
RUN pip install -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY thatlook thatlook
COPY engine engine
COPY ingest ingest
COPY api api
COPY benchmarks benchmarks
COPY models models
RUN pip install --no-deps . && pip uninstall --yes pip

FROM ${PYTHON}
LABEL org.opencontainers.image.title="thatlook" \
      org.opencontainers.image.description="Visual search for fashion catalogues" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later"
RUN useradd --system --uid 10001 --create-home --home-dir /home/thatlook thatlook \
    && install --directory --owner thatlook --group thatlook /var/lib/thatlook
COPY --from=build /opt/thatlook /opt/thatlook
ENV PATH=/opt/thatlook/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    THATLOOK_HOME=/var/lib/thatlook \
    THATLOOK_HOST=0.0.0.0 \
    THATLOOK_PORT=8080
USER thatlook
WORKDIR /home/thatlook
VOLUME /var/lib/thatlook
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['THATLOOK_PORT'] + '/readyz', timeout=4)"]
CMD ["thatlook", "serve"]
