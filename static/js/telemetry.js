// Tells the server what went wrong in this browser: uncaught errors, requests and sockets that failed. In batches, each
// kind at most once a second, and never about its own requests.
(() => {
  "use strict";

  const url = document.currentScript.dataset.url;
  const MOST_QUEUED = 50;
  const MOST_SENT = 25;
  const MOST_A_PAGE = 200;
  const FLUSH_MS = 2000;
  const SAME_MS = 1000;
  const EVERY = 5;

  const queue = [];
  const seen = new Map();
  let timer = null;
  let sent = 0;

  const sessionId = (() => {
    try {
      const kept = sessionStorage.getItem("ds_telemetry") || crypto.randomUUID();
      sessionStorage.setItem("ds_telemetry", kept);
      return kept;
    } catch {
      return "";
    }
  })();

  const flush = () => {
    clearTimeout(timer);
    timer = null;
    while (queue.length && sent < MOST_A_PAGE) {
      const entries = queue.splice(0, MOST_SENT);
      sent += entries.length;
      const body = JSON.stringify({ entries });
      // A beacon outlives the page; a string travels as text/plain, for which no browser asks permission first.
      if (!navigator.sendBeacon(url, body)) {
        fetch(url, { method: "POST", body, keepalive: true, headers: { "Content-Type": "text/plain" } }).catch(() => {});
      }
    }
  };

  // Repeats within a second are counted, and every fifth of them is told with the count.
  const isRepeat = (key, data) => {
    const now = performance.now();
    const last = seen.get(key) || { at: -Infinity, count: 0 };
    const repeated = now - last.at < SAME_MS;
    last.at = now;
    last.count = repeated ? last.count + 1 : 0;
    seen.set(key, last);
    if (repeated && last.count % EVERY === 0) {
      data.suppressed_count = last.count;
      return false;
    }
    return repeated;
  };

  const report = (level, event, message, data = {}) => {
    if (isRepeat(`${level}:${event}`, data) || queue.length >= MOST_QUEUED) return;
    queue.push({
      level,
      event,
      message: (message || event).slice(0, 512),
      timestamp: new Date().toISOString(),
      sessionId,
      data: { page: location.pathname, ...data },
    });
    if (timer === null) timer = setTimeout(flush, FLUSH_MS);
  };

  addEventListener("error", (event) => {
    if (!event.message) return;
    const stack = event.error && event.error.stack ? event.error.stack.slice(0, 2000) : "";
    report("error", "window_error", event.message, { file: event.filename, line: event.lineno, stack });
  });
  addEventListener("unhandledrejection", (event) => {
    report("error", "unhandled_rejection", String(event.reason), { stack: String(event.reason?.stack || "").slice(0, 2000) });
  });
  document.addEventListener("securitypolicyviolation", (event) => {
    report("warn", "csp_violation", `${event.violatedDirective} refused ${event.blockedURI}`);
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig } = event.detail;
    const correlation = xhr.getResponseHeader("X-Correlation-ID");
    report("warn", "htmx_response_error", `${requestConfig.verb} ${requestConfig.path}: ${xhr.status}`, { correlation });
  });
  document.addEventListener("htmx:sendError", (event) => {
    report("warn", "htmx_send_error", `${event.detail.requestConfig.verb} ${event.detail.requestConfig.path}: no answer`);
  });
  document.addEventListener("htmx:swapError", () => report("error", "htmx_swap_error", "A panel could not be shown"));
  document.addEventListener("htmx:wsError", () => report("warn", "socket_error", "The socket failed"));
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") flush();
  });
})();
