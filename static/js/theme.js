// Runs before the first paint: the stored choice of theme, or none, in which case the system decides.
(() => {
  "use strict";
  try {
    const stored = localStorage.getItem("ds_theme_preference");
    if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
  } catch {
    // Storage may be refused; the system's theme is then right.
  }
})();
