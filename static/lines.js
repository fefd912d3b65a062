// Follows new lines on /lines?live=1: hears of them, asks for their rows, puts them on top. The reader is never moved; at most 2,000 rows
// are kept, what is dropped is said; a page that is not looked at listens to nothing.
(() => {
	const follow = document.getElementById("follow");
	const body = document.querySelector("#lines tbody");
	if (!follow || !body || !window.EventSource) return;
	const MOST = 2000, LOST_AFTER_MS = 60000, APART_MS = 400;
	const said = follow.querySelector(".said");
	let stream, generation = -1, held = [], gap = false, paused = false, asking = false, again = false, dropped = 0, lost = false, failing = 0;

	const element = (name, className, text) => Object.assign(document.createElement(name), { className, textContent: text });
	const button = (text, act) => {
		const made = element("button", "", text);
		made.type = "button";
		made.addEventListener("click", act);
		return made;
	};
	const age = element("span", "chip", "");
	const waiting = button("", () => {
		paused = false;
		put();
		follow.scrollIntoView({ block: "start" });
		show();
	});
	waiting.className = "new";
	const pause = button("pause", () => {
		paused = !paused;
		if (!paused) put();
		show();
	});
	said.replaceChildren(age);
	said.after(" ", pause, " ", waiting);

	// Scrolled down: rows put above would move what is read.
	const isAway = () => body.getBoundingClientRect().top < 0;
	const isGap = (row) => row.className === "gap";
	const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

	function ago() {
		const at = Date.parse((held[0] ?? body.rows[0])?.querySelector("time")?.dateTime);
		if (Number.isNaN(at)) return "no record yet";
		const s = Math.max(0, Math.round((Date.now() - at) / 1000));
		const [n, unit] = s < 120 ? [s, "s"] : s < 7200 ? [Math.round(s / 60), "min"] : s < 172800 ? [Math.round(s / 3600), "h"] : [Math.round(s / 86400), "d"];
		return `last record ${n} ${unit} ago`;
	}

	function show() {
		if (lost) return;
		age.textContent = (paused ? "paused, " : "") + ago();
		pause.textContent = paused ? "go on" : "pause";
		const fresh = held.filter((row) => !row.known && !isGap(row)).length;
		waiting.hidden = fresh === 0;
		waiting.textContent = count(fresh, "new line", "new lines") + (gap ? " and more" : "");
	}

	// The rows that came are in order, and those of the page are some of them: each new one goes before the next that is known.
	function put() {
		let before = body.rows[0] ?? null;
		for (const row of held) {
			if (row.known) before = row.known.nextElementSibling;
			else {
				if (isGap(row)) body.querySelector(".gap")?.remove();
				body.insertBefore(row, before);
			}
		}
		held = [];
		gap = false;
		while (body.rows.length > MOST) {
			body.lastElementChild.remove();
			dropped += 1;
		}
		if (!dropped) return;
		let note = document.getElementById("dropped");
		if (!note) {
			note = element("p", "foot", "");
			note.id = "dropped";
			body.parentElement.after(note);
		}
		const rest = new URLSearchParams(location.search);
		rest.delete("live");
		rest.set("after", body.lastElementChild.dataset.cursor ?? "");
		const on = element("a", "", "go on from there");
		on.href = `/lines?${rest}`;
		note.replaceChildren(`${count(dropped, "older line was", "older lines were")} taken off this page, which keeps 2,000; `, on);
	}

	async function ask() {
		if (asking) return void (again = true);
		asking = true;
		try {
			const first = [...body.rows].find((row) => row.dataset.cursor);
			const answer = await fetch(follow.dataset.rows + encodeURIComponent(first?.dataset.cursor ?? ""));
			if (!answer.ok) throw new Error(answer.status);
			const made = document.createElement("template");
			made.innerHTML = `<table><tbody>${await answer.text()}</tbody></table>`;
			const rows = [...made.content.querySelectorAll("tr")];
			gap = rows.some(isGap);
			for (const row of rows) row.known = isGap(row) ? null : document.getElementById(row.id);
			const any = rows.some((row) => !row.known);
			held = any ? rows : [];
			if (!paused && !isAway()) put();
			if (any) document.querySelector(".content > .empty")?.remove();
		} catch {
			generation = -1;
		}
		show();
		setTimeout(() => {
			asking = false;
			if (again) {
				again = false;
				ask();
			}
		}, APART_MS);
	}

	function lose() {
		stream?.close();
		lost = true;
		follow.classList.add("lost");
		const reload = element("a", "", "load the page again");
		reload.href = location.href;
		said.replaceChildren("stream lost; the lines below stay as they are. ", reload);
		pause.remove();
		waiting.remove();
	}

	function listen() {
		if (lost) return;
		stream = new EventSource(follow.dataset.events);
		stream.addEventListener("open", () => (failing = 0));
		stream.addEventListener("message", (event) => {
			const now = JSON.parse(event.data).generation;
			if (now !== generation) {
				generation = now;
				ask();
			}
		});
		stream.addEventListener("error", () => {
			failing ||= Date.now();
			if (stream.readyState === EventSource.CLOSED) lose();
		});
	}

	// A browser keeps six connections to one host: pages in the background give theirs back.
	document.addEventListener("visibilitychange", () => {
		stream?.close();
		if (!document.hidden) {
			failing = 0;
			listen();
		}
	});
	addEventListener("scroll", () => {
		if (held.length && !paused && !isAway()) {
			put();
			show();
		}
	}, { passive: true });
	setInterval(() => {
		if (failing && Date.now() - failing > LOST_AFTER_MS && !document.hidden) lose();
		show();
	}, 1000);
	if (!document.hidden) listen();
	show();
})();
