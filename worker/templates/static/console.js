// Keeps the part of the page that says so up to date, by asking for the page again. Everything
// works without it.
"use strict";

(() => {
  const EVERY = 5000;
  const part = () => document.querySelector("[data-part]");
  const isLive = () => part()?.hasAttribute("data-live");
  const say = (text) => {
    const place = document.querySelector("[data-live-state]");
    if (place && place.textContent !== text) place.textContent = text;
  };
  const isField = (element) =>
    element && element.matches("input, select, textarea, button, summary, pre");

  // Nothing moves under somebody's hands.
  const isInUse = () => {
    const live = part();
    const selection = document.getSelection();
    return (
      document.hidden ||
      live.querySelector("input:checked, details[open]:not(.filter)") ||
      isField(document.activeElement) ||
      (selection && !selection.isCollapsed)
    );
  };

  // A filter that was opened stays open, and one that was written into is left alone.
  const keep = (old, fresh) => {
    const opened = old.querySelectorAll("details.filter");
    fresh.querySelectorAll("details.filter").forEach((details, index) => {
      if (opened[index]) details.replaceWith(opened[index]);
    });
  };

  const update = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-part]");
    if (answer.redirected || !fresh) return false;
    if (isInUse()) return true;
    const focused = document.activeElement;
    const href = part().contains(focused) ? focused.getAttribute("href") : null;
    keep(part(), fresh);
    part().replaceWith(document.adoptNode(fresh));
    if (href) part().querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
    return true;
  };

  const live = async () => {
    if (!isInUse()) {
      try {
        if (!(await update())) {
          say("Signed out: load the page again.");
          return;
        }
        say("");
      } catch {
        say("Not up to date: the console does not answer.");
      }
    }
    // What has come to its end, as jobs do, changes no more.
    if (isLive()) setTimeout(live, EVERY);
  };

  if (isLive()) setTimeout(live, EVERY);

  // Browsers keep whole pages to go back to: also those of somebody who has signed out since.
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.querySelector('[action="/logout"]')) location.reload();
  });
})();
