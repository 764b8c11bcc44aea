// What HTML cannot do by itself: the theme switch, clocks, the age of figures, the state of the socket, confirmations and toasts.
(() => {
  "use strict";

  const STALE_SECONDS = 3;
  const POLL_SECONDS = 15;
  const IST_OFFSET_MS = 330 * 60 * 1000;
  const byId = (id) => document.getElementById(id);

  // --- Theme ---------------------------------------------------------------------------------------------------------

  const themeNow = () =>
    document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  const toggleTheme = () => {
    const next = themeNow() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("ds_theme_preference", next);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  };

  // --- Clocks and ages: the server gives a value and we count on from the moment it arrived ---------------------------

  const arrivals = new WeakMap();

  const secondsSinceArrival = (element) => {
    if (!arrivals.has(element)) arrivals.set(element, performance.now());
    return (performance.now() - arrivals.get(element)) / 1000;
  };

  const clockText = (milliseconds) => new Date(milliseconds).toISOString().slice(11, 19);

  const tickClock = (clock) => {
    const at = Date.parse(clock.dataset.clockAt || "");
    const speed = Number(clock.dataset.clockSpeed) || 1;
    const now = Number.isNaN(at) ? Date.now() : at + secondsSinceArrival(clock) * 1000 * speed;
    for (const part of clock.querySelectorAll("[data-zone]")) {
      part.textContent = clockText(now + (part.dataset.zone === "IST" ? IST_OFFSET_MS : 0));
    }
  };

  const ageText = (seconds) => {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 100) return `${Math.floor(seconds)} s`;
    return seconds < 5400 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
  };

  const show = (banner, shown) => {
    // Setting the attribute again would make a screen reader repeat the alert.
    if (banner && banner.hidden === shown) banner.hidden = !shown;
  };

  const tickAge = () => {
    const element = document.querySelector("[data-age]");
    if (!element) return 0;
    const age = Number(element.dataset.age) + secondsSinceArrival(element);
    element.textContent = ageText(age);
    const stale = age > STALE_SECONDS;
    document.body.classList.toggle("is-stale", stale);
    const banner = byId("stale-banner");
    if (banner) {
      banner.querySelector("[data-stale-age]").textContent = ageText(Math.floor(age));
      show(banner, stale && element.dataset.active === "true");
    }
    return age;
  };

  // How long ago something was that is told once and not pushed.
  const tickAgo = (element) => {
    element.textContent = ageText(Number(element.dataset.ago) + secondsSinceArrival(element));
  };

  // --- The socket, and polling without it -------------------------------------------------------------------------------

  let connected = false;
  let closedAt = performance.now();
  let polledAt = performance.now();

  const socketIsDown = () => !connected && performance.now() - closedAt > 2000;

  const poll = () => {
    const socket = byId("socket");
    if (!socket || !window.htmx) return;
    polledAt = performance.now();
    window.htmx.ajax("GET", socket.dataset.poll, { target: "#socket", swap: "none" }).catch(() => {});
  };

  const tick = () => {
    document.querySelectorAll("[data-clock-at]").forEach(tickClock);
    document.querySelectorAll("[data-ago]").forEach(tickAgo);
    const age = tickAge();
    if (!byId("socket")) return;
    show(byId("disconnected-banner"), socketIsDown());
    const due = performance.now() - polledAt > POLL_SECONDS * 1000;
    if (due && (socketIsDown() || age > POLL_SECONDS)) poll();
  };

  document.addEventListener("htmx:wsOpen", () => {
    connected = true;
    tick();
  });
  document.addEventListener("htmx:wsClose", (event) => {
    if (connected) closedAt = performance.now();
    connected = false;
    // The extension comes back by itself after an abnormal end only; a server that said goodbye is tried again too.
    const wrapper = event.detail.socketWrapper;
    const code = event.detail.event.code;
    if (wrapper && (code === 1000 || code === 1001)) setTimeout(() => wrapper.reconnect(), 2000 + 3000 * Math.random());
  });

  // --- What a push changes outside the pushed panels ---------------------------------------------------------------------

  let state = null;

  const noticeState = () => {
    const element = document.querySelector("[data-state]");
    if (!element || element.dataset.state === state) return;
    const first = state === null;
    state = element.dataset.state;
    if (!first) document.body.dispatchEvent(new CustomEvent("runtime-changed"));
  };

  // Swapping a panel for its like would make a screen reader say its alerts again, so that is left out.
  const shown = new Map();
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const html = Array.from(fragment.children, (child) => child.outerHTML).join("");
    if (target.id !== "panel-bar" && shown.get(target.id) === html) event.detail.shouldSwap = false;
    shown.set(target.id, html);
  });

  const afterSwap = () => {
    noticeState();
    tick();
  };
  // A push may have replaced the form whose answer this is: htmx then looks for the panels where the old form hangs.
  document.addEventListener("htmx:oobErrorNoTarget", (event) => {
    const panel = event.detail.content;
    const shown = panel.id && document.getElementById(panel.id);
    if (!shown) return;
    shown.replaceWith(panel);
    window.htmx.process(panel);
  });
  document.addEventListener("htmx:wsAfterMessage", afterSwap);
  document.addEventListener("htmx:afterSettle", afterSwap);

  // --- Confirmations: hx-confirm for htmx, data-confirm for plain forms -----------------------------------------------------

  const ask = (question, label) =>
    new Promise((resolve) => {
      const dialog = byId("confirm-dialog");
      dialog.querySelector("[data-question]").textContent = question;
      dialog.querySelector("[data-confirm-label]").textContent = label || "Confirm";
      dialog.returnValue = "cancel";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
      dialog.showModal();
    });

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const label = event.detail.elt.dataset.confirmLabel;
    ask(event.detail.question, label).then((sure) => sure && event.detail.issueRequest(true));
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    ask(form.dataset.confirm, form.dataset.confirmLabel).then((sure) => sure && form.submit());
  });

  // --- Toasts ---------------------------------------------------------------------------------------------------------------

  const toast = (level, message) => {
    const node = byId("toast-template").content.firstElementChild.cloneNode(true);
    node.classList.add(level || "info");
    node.querySelector("p").textContent = message;
    node.querySelector("button").addEventListener("click", () => node.remove());
    byId("toasts").append(node);
    if (level !== "error") setTimeout(() => node.remove(), 8000);
  };

  document.addEventListener("toast", (event) => toast(event.detail.level, event.detail.message));
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.verb !== "get") toast("error", "The server did not answer. Nothing is known about the request; look before you repeat it.");
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    const answered = xhr.getResponseHeader("HX-Trigger") || xhr.getResponseHeader("HX-Redirect");
    if (!answered) toast("error", `The server answered with an error (${xhr.status}).`);
  });

  // --- Everything else ------------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  noticeState();
  tick();
  setInterval(tick, 500);
})();
