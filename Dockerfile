# One image for every process of the fleet; docker-compose.yml says which command each runs.
FROM python:3.12-slim

# tini as process 1: it reaps what scripts leave behind and hands SIGTERM to the one process it started.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 taskfleet \
    && install -d -o taskfleet -g taskfleet /app /var/lib/taskfleet

WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY . .

USER taskfleet
ENV PYTHONUNBUFFERED=1 TASK_DATA_DIR=/var/lib/taskfleet
ENTRYPOINT ["tini", "--"]
CMD ["gunicorn", "config.wsgi", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--graceful-timeout", "10", "--no-control-socket"]
