# Sightline in a container: `docker build -t sightline .`, then
# `docker run --init --read-only --tmpfs /tmp -v sightline:/data -p 8000:8000 sightline` (embedded database, in the volume).
# For PostgreSQL give SIGHTLINE_DATABASE_URL, _SECRET_KEYS, _KEY_PEPPER and _PUBLIC_URL by --env-file, and run
# `docker run --rm --env-file ... sightline db upgrade` first.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && python -m venv --without-pip /opt/sightline \
 && /opt/build/bin/pip --python /opt/sightline/bin/python install --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md mkdocs.yml ./
COPY docs docs
COPY app app
COPY alembic alembic
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
 && /opt/build/bin/pip --python /opt/sightline/bin/python install --no-index --no-deps /wheels/*.whl \
 && /opt/sightline/bin/python -m compileall -q /opt/sightline/lib \
 && mkdir /data

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Sightline" \
      org.opencontainers.image.description="Measures organizational alignment from observed outcome events"
COPY --from=build /opt/sightline /opt/sightline
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/sightline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive is enough: whether the database answers is for /readyz and whoever routes to it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=2).read()"]
ENTRYPOINT ["sightline"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
