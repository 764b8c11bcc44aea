// The log page: an open line pauses the live tail, and ids can be copied.
(() => {
  "use strict";

  document.addEventListener("htmx:beforeRequest", (event) => {
    const lines = event.detail.elt;
    if (lines.matches("[data-live]") && lines.querySelector("details[open]")) event.preventDefault();
  });

  const say = (button, text) => {
    const before = button.textContent;
    button.textContent = text;
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const copied = navigator.clipboard ? navigator.clipboard.writeText(button.dataset.copy) : Promise.reject();
    copied.then(
      () => say(button, "Copied"),
      () => say(button, "Select it by hand"),
    );
  });
})();
