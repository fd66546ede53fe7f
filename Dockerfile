# One image for all processes: `api`, `worker` and `migrate` are its commands. Node runs the TypeScript as it is, so
# nothing is built. It needs to write below /tmp only: run it with a read-only root and a tmpfs there (uploads on their
# way to Storage: allow 512 MB for the API; large images on theirs from Gemini: 768 MB for a worker).
#
#   docker build -t darkroom .
#   docker run --read-only --tmpfs /tmp --env-file .env -p 127.0.0.1:8080:8080 darkroom api
#
# `--target simulator` is a second, separate image: the Gemini simulator of the demo.
ARG NODE_VERSION=24.21.0

FROM node:${NODE_VERSION}-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package that is used here needs its install script; sharp's binaries for this libc are packages of their own.
# TypeScript comes along as an optional peer of Bull Board's validator, which never loads it: 27 MB.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/typescript node_modules/@typescript && npm cache clean --force

# The simulator's font is a development dependency: two of its files are all that is needed.
FROM dependencies AS font
RUN npm ci --omit=optional --ignore-scripts --no-audit --no-fund \
  && cd node_modules/dejavu-fonts-ttf && rm -rf node_modules && find ttf -type f \
    ! -name DejaVuSans.ttf ! -name DejaVuSans-Bold.ttf -delete

FROM node:${NODE_VERSION}-slim AS runtime
# tini is process 1, because Linux does not end a process 1 by a signal that it has not asked for: a migration, or a
# worker that still waits for its database, would otherwise have to be killed.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/debconf
WORKDIR /app
# HOST: inside a container only its own network reaches the port; which of the host's addresses it gets is said outside.
ENV NODE_ENV=production \
  NODE_OPTIONS=--disable-warning=ExperimentalWarning \
  HOST=0.0.0.0 \
  PORT=8080
COPY deploy/image/darkroom /usr/local/bin/darkroom
COPY deploy/image/check-health.js /usr/local/lib/darkroom/check-health.js
USER node
EXPOSE 8080
ENTRYPOINT ["tini", "--", "darkroom"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "/usr/local/lib/darkroom/check-health.js"]
# An API ends within 25 s of SIGTERM, a worker within SHUTDOWN_GRACE_MS (60 s) and 10 s for its last reports. Docker kills
# after ten seconds unless told otherwise: docker stop --time 75, or stop_grace_period in a compose file.
STOPSIGNAL SIGTERM

FROM runtime AS simulator
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=font /app/node_modules/dejavu-fonts-ttf ./node_modules/dejavu-fonts-ttf
COPY package.json ./
COPY src/local/gemini ./src/local/gemini
LABEL org.opencontainers.image.title="Darkroom's Gemini simulator" \
  org.opencontainers.image.description="Speaks Gemini's generateContent and draws the prompt, for demos and tests." \
  org.opencontainers.image.licenses="MIT"
CMD ["simulator"]

FROM runtime AS darkroom
ARG VERSION=0.1.0
ARG REVISION=
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY src/shared ./src/shared
COPY src/migrate ./src/migrate
COPY src/api ./src/api
COPY src/worker ./src/worker
# The page, and the client that it is built on: the API serves them.
COPY src/client ./src/client
COPY src/web ./src/web
LABEL org.opencontainers.image.title="Darkroom" \
  org.opencontainers.image.description="Turns prompts into stored, tracked images: an HTTP API, a queue and workers." \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
CMD ["api"]
