FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --require-hashes -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    STATIC_ROOT=/app/collected \
    BACKEND_LOG_PATH=/data/logs/backend.log
RUN useradd --uid 1000 --create-home strangle && install -d -o strangle -g strangle /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# DEBUG stands in for the secrets, which an image must not hold; the manifest is what production serves.
RUN DEBUG=true STATIC_MANIFEST=true DATA_DIR=/tmp/build BACKEND_LOG_PATH=/tmp/build/build.log \
    python manage.py collectstatic --noinput
USER strangle
VOLUME /data
EXPOSE 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/healthz', timeout=4)"]
CMD ["daphne", "-b", "0.0.0.0", "-p", "8001", "--no-server-name", "deltastrangle.asgi:application"]
