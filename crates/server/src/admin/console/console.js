// What pages of the console do beside standing there: times in the reader's zone, and the charts of the overview.

const language = document.documentElement.lang;

function tellTimes() {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = format.format(at);
  }
  const zone = document.getElementById("zone");
  if (zone) zone.textContent = new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// Whoever went away is not kept signed in by a page that asks.
const EVERY = 5_000;
const PATIENCE = 10 * 60_000;

function follow(board) {
  const live = document.getElementById("live");
  let touched = Date.now();
  for (const event of ["pointermove", "pointerdown", "keydown", "scroll"]) {
    addEventListener(event, () => { touched = Date.now(); }, { passive: true });
  }
  const show = (on) => {
    live.hidden = false;
    live.textContent = on ? live.dataset.on : live.dataset.off;
  };
  const ask = async () => {
    if (document.hidden || Date.now() - touched > PATIENCE) return show(false);
    try {
      const answer = await fetch(board.dataset.live, { redirect: "error", headers: { accept: "application/json" } });
      if (!answer.ok) return show(false);
      const now = await answer.json();
      now.charts.forEach(draw);
      list(now.often);
      board.dataset.seen = String(Number(board.dataset.seen ?? 0) + 1);
      show(true);
    } catch {
      show(false);
    }
  };
  setInterval(ask, EVERY);
  ask();
}

function draw({ name, figure, top, line, area }) {
  const chart = document.querySelector(`[data-chart="${name}"]`);
  if (!chart) return;
  chart.querySelector(".figure").textContent = figure;
  chart.querySelector(".top").textContent = top;
  chart.querySelector(".line").setAttribute("d", line);
  chart.querySelector(".area").setAttribute("d", area);
  chart.querySelector("svg").setAttribute("aria-label", `${chart.querySelector("h2").textContent}: ${figure}`);
}

function list(often) {
  document.getElementById("none").hidden = often.length > 0;
  const table = document.getElementById("often");
  table.hidden = often.length === 0;
  table.tBodies[0].replaceChildren(...often.map(({ name, words, count }) => {
    const row = document.createElement("tr");
    const code = document.createElement("code");
    code.textContent = name;
    row.insertCell().append(code);
    row.insertCell().textContent = words;
    const times = row.insertCell();
    times.className = "number";
    times.textContent = count;
    return row;
  }));
}

tellTimes();
const board = document.querySelector("[data-live]");
if (board) follow(board);
