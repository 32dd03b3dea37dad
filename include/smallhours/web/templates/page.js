(() => {
  // Airflow keeps its theme under this name: "light", "dark" or "system".
  const followTheme = () => {
    let theme = null;
    try { theme = localStorage.getItem("theme"); } catch { /* closed to this page */ }
    document.documentElement.dataset.theme = theme === "light" || theme === "dark" ? theme : "system";
  };
  followTheme();
  addEventListener("storage", followTheme);

  // A form in a row with an id changes that row only. Without this script the page is loaded again.
  document.addEventListener("submit", async (event) => {
    const form = event.target, row = form.closest("[data-row]");
    if (!row) return;
    event.preventDefault();
    row.setAttribute("aria-busy", "true");
    const body = new URLSearchParams(new FormData(form, event.submitter));
    let fresh = null;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      fresh = answer.ok && page.getElementById(row.id);
    } catch { /* told below */ }
    row.removeAttribute("aria-busy");
    if (!fresh) {
      const told = row.querySelector("[role=status]");
      if (told) told.textContent = "That was not saved. Load this page again.";
      return;
    }
    const pressed = event.submitter?.dataset.button;
    if (row.querySelector("details[open]")) fresh.querySelector("details").open = true;
    row.replaceWith(fresh);
    (fresh.querySelector(`button[data-button="${pressed}"]`) || fresh.querySelector("button"))?.focus({ preventScroll: true });
  });

  // Spotify's player is loaded when a track is played, where the listener has turned that on.
  document.addEventListener("click", (event) => {
    const play = event.target.closest?.("a[data-player]");
    if (!play) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    let frame = document.querySelector(".player");
    if (!frame) {
      frame = Object.assign(document.createElement("iframe"), { className: "player", title: "Spotify's player", allow: "autoplay; encrypted-media" });
      document.querySelector("main").after(frame);
    }
    frame.src = play.dataset.player;
  });

  // While a night runs, its progress is asked for; when it is done, the list is shown.
  const followNight = () => {
    const shown = document.getElementById("progress");
    if (!shown || "failed" in shown.dataset) return;
    setTimeout(async () => {
      try {
        const answer = await fetch(location.href);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("progress");
        if (answer.ok && !fresh) return location.reload();
        if (fresh) shown.replaceWith(fresh);
      } catch { /* Airflow may be restarting: ask again */ }
      followNight();
    }, 5000);
  };
  addEventListener("DOMContentLoaded", followNight);

  // What is wider than the screen says so, and can be reached by keyboard.
  const markWide = () => {
    for (const each of document.querySelectorAll("figure, .wide")) {
      const wide = each.scrollWidth > each.clientWidth;
      each.classList.toggle("scrolls", wide);
      if (wide) each.tabIndex = 0; else each.removeAttribute("tabindex");
    }
  };
  addEventListener("DOMContentLoaded", markWide);
  addEventListener("resize", markWide);
  addEventListener("toggle", markWide, true);

  // Airflow shows these pages in a frame that may open no window; its own document may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[target=_blank]");
    if (!link || window.top === window) return;
    const twin = window.top.document.createElement("a");
    Object.assign(twin, { href: link.href, target: "_blank", rel: "noopener noreferrer" });
    event.preventDefault();
    twin.click();
  });
})();
