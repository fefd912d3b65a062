// The request page: folding, walking, measuring, and rows that come while it is open. All of it is also a link or a form. Nothing of a log
// is read as markup: answers of our server are parsed as a document of their own and moved over whole.
(() => {
	"use strict";
	const $ = (css, from = document) => from.querySelector(css);
	const $$ = (css, from = document) => [...from.querySelectorAll(css)];
	const byId = (id) => document.getElementById(id);
	const main = $("#main");
	if (!$("#timeline") && !$("#lines")) return;
	const { say, copy, store } = window.Page;
	const address = () => new URL(location.href);
	const single = main.dataset.single === "1";

	// Lengths as the server writes them: three digits that matter, one unit.
	const length = (ns) => {
		const sign = ns < 0 ? "−" : "";
		const n = Math.abs(ns);
		const [unit, word] = n < 1e3 ? [1, "ns"] : n < 1e6 ? [1e3, "µs"] : n < 1e9 ? [1e6, "ms"] : n < 600e9 ? [1e9, "s"] : n < 36e12 ? [60e9, "m"] : [3600e9, "h"];
		const value = n / unit;
		return `${sign}${unit === 1 ? value.toFixed(0) : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${word}`;
	};
	const offset = (ns) => (ns < 0 ? length(ns) : `+${length(ns)}`);

	// The map of time: corners of nanoseconds from the begin and thousandths of the width.
	const corners = (element) => (element?.dataset.map ?? "").split(" ").filter(Boolean).map((pair) => pair.split(",").map(Number));
	const along = (points, from, to, value) => {
		for (let i = 1; i < points.length; i++) {
			const [a, b] = [points[i - 1], points[i]];
			if (value <= b[from] || i === points.length - 1) {
				const span = b[from] - a[from];
				return a[to] + (span ? ((Math.min(Math.max(value, a[from]), b[from]) - a[from]) / span) * (b[to] - a[to]) : 0);
			}
		}
		return 0;
	};
	const instant = (element, clientX, box) => along(corners(element), 1, 0, ((clientX - box.left) / box.width) * 1000);

	const steps = () => $$(".step");
	const row = (step) => $("tr", step);
	const level = (step) => Number(row(step).getAttribute("aria-level"));
	const shown = () => steps().filter((step) => !step.hidden);
	let at = null;

	// One tab stop for the whole table: the row that was used last.
	function rove() {
		for (const step of steps()) {
			row(step).tabIndex = -1;
			for (const inner of $$("a, summary", row(step))) inner.tabIndex = -1;
		}
		const first = (at && byId(at)) || $(".step.asked") || shown()[0];
		if (first) row(first).tabIndex = 0;
	}
	function focus(step) {
		if (!step) return false;
		const last = at && byId(at);
		if (last) row(last).tabIndex = -1;
		at = step.id;
		row(step).tabIndex = 0;
		row(step).focus({ preventScroll: true });
		row(step).scrollIntoView({ block: "nearest" });
	}
	const current = () => (at && byId(at)) || null;
	function move(by) {
		const rows = shown();
		const here = rows.indexOf(current());
		return focus(rows[Math.min(Math.max(here < 0 ? 0 : here + by, 0), rows.length - 1)]);
	}
	function next(css, by) {
		const rows = shown();
		const here = rows.indexOf(current());
		const found = rows.map((step, i) => [step, i]).filter(([step]) => step.matches(css));
		const one = by > 0 ? found.find(([, i]) => i > here) ?? found[0] : found.findLast(([, i]) => i < here) ?? found.at(-1);
		return one ? focus(one[0]) : false;
	}

	function refold() {
		let below = Infinity;
		for (const step of steps()) {
			const depth = level(step);
			if (depth <= below) below = Infinity;
			step.hidden = depth > below;
			if (!step.hidden && step.classList.contains("folded")) below = depth;
		}
	}
	const subtree = (step) => {
		const all = steps();
		const out = [];
		for (let i = all.indexOf(step) + 1; i < all.length && level(all[i]) > level(step); i++) out.push(all[i]);
		return out;
	};
	function fold(step, wanted, deep) {
		const caret = $("a.caret", step);
		if (!caret) return false;
		const inside = subtree(step);
		if (!inside.length) {
			if (!wanted) visit(caret.href);
			return;
		}
		for (const one of deep ? [step, ...inside] : [step]) {
			if (!$("a.caret", one)) continue;
			one.classList.toggle("folded", wanted);
			row(one).setAttribute("aria-expanded", String(!wanted));
		}
		refold();
		if (single) return;
		const url = address();
		const keys = $$(".step.folded").map((one) => one.id);
		if (keys.length) url.searchParams.set("fold", keys.slice(0, 200).join(","));
		else url.searchParams.delete("fold");
		history.replaceState(null, "", url);
		loaded = url.pathname + url.search;
		for (const form of $$("form.find")) {
			const field = $("input[name=fold]", form) ?? make("input", { type: "hidden", name: "fold" });
			field.value = url.searchParams.get("fold") ?? "";
			form.append(field);
		}
	}
	const isFolded = (step) => step.classList.contains("folded");

	function open(step, wanted) {
		const details = $("details", row(step));
		if (details) details.open = wanted ?? !details.open;
		else {
			const link = $("a.nodetail", step);
			if (link) visit(link.href);
		}
	}

	// Another view of the same request takes the place of this one; the reader stays where they are.
	let asked = 0;
	// A place on the page that outlives its elements: the nearest id, and which one below it.
	const PLACES = "a, summary, button, input, tr, details";
	const spot = (element) => {
		const owner = element?.closest("[id]");
		return owner && main.contains(owner) ? [owner.id, $$(PLACES, owner).indexOf(element)] : null;
	};
	const found = (place) => {
		const owner = place && byId(place[0]);
		return owner && (place[1] < 0 ? owner : $$(PLACES, owner)[place[1]]);
	};
	const isBusy = () => document.hidden || drag || $("#main input:focus") || String(getSelection());
	// What was loaded, without its fragment; and what is loading.
	const here = () => location.pathname + location.search;
	let loaded = here();
	let loading = null;
	const visit = (href, push = true, stay = false) => {
		if (single) return false;
		const run = replace(href, push, stay).finally(() => {
			if (loading === run) loading = null;
		});
		loading = run;
		return run;
	};
	const after = (run) => (loading ? void loading.then(run) : run());
	// A link was made before the reader folded something here; one that is about folding knows better.
	const withFolds = (href, link) => {
		const url = new URL(href, location.href);
		if (/^(fold|more|unfold)$/.test(link?.dataset.tool ?? "") || link?.matches(".caret")) return url.href;
		const folds = address().searchParams.get("fold");
		if (folds) url.searchParams.set("fold", folds);
		else url.searchParams.delete("fold");
		return url.href;
	};
	async function replace(href, push, stay) {
		const mine = ++asked;
		let page;
		try {
			const answer = await fetch(href, { headers: { accept: "text/html" } });
			if (!answer.ok) throw new Error(String(answer.status));
			page = new DOMParser().parseFromString(await answer.text(), "text/html");
		} catch {
			if (push) location.href = href;
			return false;
		}
		const fresh = page.getElementById("main");
		if (mine !== asked || !fresh || (stay && isBusy())) return false;
		const written = stay ? $$(".find input:not([type=hidden])").map((one) => one.value) : [];
		const kept = $$("details", main).map((one) => [spot(one), one.open]);
		const anchor = $$(".step, .log tr[id]").find((one) => one.getBoundingClientRect().top > 50);
		const top = anchor?.getBoundingClientRect().top;
		const focused = spot(document.activeElement);
		if (push) history.pushState(null, "", href);
		loaded = here();
		[measure.hidden, measured] = [true, null];
		main.replaceChildren(...fresh.childNodes);
		Object.assign(main.dataset, fresh.dataset);
		window.Page.ids();
		for (const [place, was] of kept) {
			const one = found(place);
			// What the reader opened stays open; what they closed stays closed while nothing else was asked for.
			if (one?.matches("details") && (was || stay)) one.open = was;
		}
		ready();
		const same = anchor && byId(anchor.id);
		if (same) scrollBy(0, same.getBoundingClientRect().top - top);
		for (const [i, one] of $$(".find input:not([type=hidden])").entries()) one.value = written[i] ?? one.value;
		found(focused)?.focus({ preventScroll: true });
		return true;
	}
	addEventListener("popstate", () => {
		if (here() !== loaded) visit(location.href, false);
	});
	main.addEventListener("click", (event) => {
		if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
		const caret = event.target.closest("a.caret");
		if (caret) {
			event.preventDefault();
			const step = caret.closest(".step");
			return fold(step, !isFolded(step), event.altKey);
		}
		const link = event.target.closest(".toolbar a, .overview a, .acts a[data-act=zoom], .acts a[data-act=root], a.over-bound, a.nodetail");
		if (link && !event.altKey) {
			const url = new URL(link.href.baseVal ?? link.href, location.href);
			if (url.pathname === location.pathname && url.search !== location.search) {
				event.preventDefault();
				visit(withFolds(url.href, link));
			}
			return;
		}
		const step = event.target.closest(".step > tr:first-child")?.parentElement;
		if (step && !event.target.closest("a, summary, button") && !String(getSelection())) {
			focus(step);
			open(step);
		} else if (step) at = step.id;
	});

	const tool = (name) => after(() => {
		const link = $(`[data-tool="${name}"]`);
		return link ? void visit(withFolds(link.href, link)) : false;
	});
	const zoom = (from, to) => after(() => {
		const url = address();
		const ms = (ns) => String(Math.round(ns) / 1e6);
		url.searchParams.set("zoom", `${ms(from)}-${ms(to)}`);
		url.hash = "";
		visit(url.href);
	});
	const view = () => {
		const points = corners($("table.tree"));
		return points.length ? [points[0][0], points.at(-1)[0]] : null;
	};
	function scale(factor) {
		const window = view();
		if (!window) return false;
		const [from, to] = window;
		const middle = pointer ?? (from + to) / 2;
		if ((to - from) * factor < 10) return false;
		if (factor > 1 && !address().searchParams.has("zoom")) return false;
		zoom(middle - (middle - from) * factor, middle + (to - middle) * factor);
	}
	function pan(part) {
		const window = view();
		if (!window || !address().searchParams.has("zoom")) return false;
		const by = (window[1] - window[0]) * part;
		zoom(window[0] + by, window[1] + by);
	}

	// The pointer on the bars: a line with its time; dragging measures; on the ruler and the overview dragging zooms.
	let pointer = null;
	let drag = null;
	let measured = null;
	const marker = make("div", { className: "cursor", hidden: true });
	const measure = make("div", { className: "measure", hidden: true });
	document.body.append(marker, measure);
	const place = (element, left, top, width, height) => {
		Object.assign(element.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
		element.hidden = false;
	};
	function ground(target) {
		if (!(target instanceof Element)) return null;
		const overview = target.closest(".overview");
		if (overview) return { map: $("svg", overview), svg: $("svg", overview), area: overview, zooms: true };
		const bar = target.closest("table.tree .bar");
		if (!bar) return null;
		return { map: $("table.tree"), svg: $("svg", bar), area: $("table.tree"), zooms: !!bar.closest("thead") };
	}
	main.addEventListener("pointermove", (event) => {
		const on = drag?.on ?? ground(event.target);
		if (!on) {
			pointer = null;
			marker.hidden = true;
			return;
		}
		const box = on.svg.getBoundingClientRect();
		const x = Math.min(Math.max(event.clientX, box.left), box.right);
		const area = on.area.getBoundingClientRect();
		pointer = instant(on.map, x, box);
		place(marker, x + scrollX, area.top + scrollY, 1, area.height);
		marker.dataset.time = offset(pointer);
		marker.classList.toggle("left", x > innerWidth - 110);
		if (drag) {
			const [a, b] = [Math.min(drag.x, x), Math.max(drag.x, x)];
			drag.to = pointer;
			if (b - a < 4) return;
			drag.moved = true;
			place(measure, a + scrollX, area.top + scrollY, b - a, area.height);
			measure.dataset.time = length(Math.abs(drag.to - drag.from));
		}
	});
	main.addEventListener("pointerleave", () => (marker.hidden = true));
	main.addEventListener("pointerdown", (event) => {
		const on = event.button === 0 && event.pointerType !== "touch" && ground(event.target);
		[measure.hidden, measured] = [true, null];
		if (!on) return;
		const box = on.svg.getBoundingClientRect();
		const x = Math.min(Math.max(event.clientX, box.left), box.right);
		drag = { on, x, from: instant(on.map, x, box), to: null, moved: false };
		event.preventDefault();
	});
	addEventListener("pointerup", () => {
		if (!drag) return;
		const { on, from, to, moved } = drag;
		drag = null;
		if (!moved) return;
		const [a, b] = [Math.min(from, to), Math.max(from, to)];
		const eat = (event) => { event.preventDefault(); event.stopPropagation(); };
		addEventListener("click", eat, true);
		setTimeout(() => removeEventListener("click", eat, true), 0);
		if (on.zooms) {
			measure.hidden = true;
			return zoom(a, b);
		}
		say(`${length(b - a)}, from ${offset(a)} to ${offset(b)}${single ? "" : "; f zooms there"}`);
		measured = [a, b];
	});
	addEventListener("scroll", () => (marker.hidden = true), { passive: true });

	let lit = [];
	const light = (id) => {
		lit.forEach((one) => one.classList.remove("lit"));
		lit = id ? [byId(id), ...$$(`.log a[href="#${CSS.escape(id)}"]`).map((a) => a.closest("tr"))].filter(Boolean) : [];
		lit.forEach((one) => one.classList.add("lit"));
	};
	for (const kind of ["pointerover", "focusin"]) {
		main.addEventListener(kind, (event) => {
			const step = event.target.closest?.(".step");
			const line = event.target.closest?.(".log tr[id]");
			light(step?.id ?? $(".st a", line ?? document.createElement("p"))?.hash?.slice(1) ?? null);
		});
	}

	function otherSide() {
		const line = document.activeElement?.closest?.(".log tr[id]");
		if (line) {
			const hash = $(".st a", line)?.hash;
			return hash ? focus(byId(hash.slice(1))) : false;
		}
		const step = current();
		const target = step ? $(`.log a[href="#${CSS.escape(step.id)}"]`)?.closest("tr") : $(".log tr[id]");
		if (!target) return false;
		target.tabIndex = -1;
		target.focus({ preventScroll: true });
		target.scrollIntoView({ block: "center" });
	}
	function clock() {
		const url = address();
		const now = url.searchParams.get("tz");
		const east = -new Date(Number(main.dataset.start)).getTimezoneOffset();
		const two = (n) => String(Math.trunc(n)).padStart(2, "0");
		const local = `${east < 0 ? "-" : "+"}${two(Math.abs(east) / 60)}:${two(Math.abs(east) % 60)}`;
		if (!now) url.searchParams.set("tz", "utc");
		else if (now === "utc" && east !== 0) url.searchParams.set("tz", local);
		else url.searchParams.delete("tz");
		visit(url.href);
	}
	function neighbour(by) {
		const order = store.read("order");
		const here = order.findIndex((href) => new URL(href, location.href).pathname === location.pathname);
		const href = here < 0 ? null : order[here + by];
		if (!href) return false;
		location.href = href;
	}
	function escape() {
		if (!measure.hidden) return void ((measure.hidden = true), (measured = null));
		const step = current();
		if (step && $("details[open]", row(step))) return open(step, false);
		const url = address();
		for (const key of ["find", "zoom"]) {
			if (url.searchParams.has(key)) {
				url.searchParams.delete(key);
				if (key === "find") url.searchParams.delete("only");
				return visit(url.href);
			}
		}
		return false;
	}
	const inGrid = () => document.activeElement?.closest?.(".step");
	Keys.on(["j", "ArrowDown"], "next row", (event) => (event.key === "j" || inGrid() ? move(1) : false));
	Keys.on(["k", "ArrowUp"], "previous row", (event) => (event.key === "k" || inGrid() ? move(-1) : false));
	Keys.on(["Home", "End"], "first, last row", (event) => (inGrid() ? move(event.key === "Home" ? -1e9 : 1e9) : false));
	Keys.on(["PageUp", "PageDown"], "a page of rows", (event) => (inGrid() ? move(event.key === "PageUp" ? -20 : 20) : false));
	Keys.on(["ArrowLeft"], "fold, or to the step above", () => {
		const step = inGrid();
		if (!step) return false;
		if ($("a.caret", step) && !isFolded(step)) return fold(step, true);
		const all = steps();
		return focus(all.slice(0, all.indexOf(step)).findLast((one) => level(one) < level(step)));
	});
	Keys.on(["ArrowRight"], "unfold, or to the step below", () => {
		const step = inGrid();
		if (!step) return false;
		if ($("a.caret", step) && isFolded(step)) return fold(step, false);
		return subtree(step).length ? move(1) : undefined;
	});
	Keys.on(["Enter"], "open or close what is behind a step", () => (inGrid() && document.activeElement.matches("tr") ? open(inGrid()) : false));
	Keys.on(["Escape"], "close it; then end search, then zoom", escape);
	Keys.on(["e", "E"], "next, previous failure", (event) => next(".failed", event.key === "e" ? 1 : -1));
	Keys.on(["n", "N"], "next, previous match", (event) => next(".match", event.key === "n" ? 1 : -1));
	Keys.on(["1", "2", "3", "4", "5", "6", "7", "8", "9"], "to a stop of the path", (event) => {
		const link = $$(".strip li")[Number(event.key) - 1]?.querySelector("a");
		if (!link) return false;
		const step = byId(new URL(link.href).hash.slice(1));
		return step && link.pathname === location.pathname && !link.search.includes("root=") ? focus(step) : void link.click();
	});
	const asks = (...key) => single || Keys.on(...key);
	asks(["c"], "critical path on, off", () => tool("path"));
	asks(["g"], "gaps at length, folded", () => tool("gaps"));
	asks(["w", "s"], "zoom in, out at the pointer", (event) => scale(event.key === "w" ? 0.5 : 2));
	asks(["a", "d"], "earlier, later", (event) => pan(event.key === "a" ? -0.5 : 0.5));
	asks(["f"], "fit the step, or what was measured", () => {
		if (measured) {
			const [a, b] = measured;
			measured = null;
			measure.hidden = true;
			return zoom(a, b);
		}
		const [from, to] = (current()?.dataset.at ?? "").split(",").map(Number);
		return to > from ? zoom(from - (to - from) / 20, to + (to - from) / 20) : false;
	});
	asks(["0"], "the whole request", () => tool("all"));
	asks(["[", "]"], "fold all, unfold all", (event) => tool(event.key === "[" ? "fold" : "unfold"));
	asks(["o"], "one level more", () => (tool("more") === false ? tool("unfold") : undefined));
	asks(["r"], "only this step and what is below; back", () => {
		const url = address();
		if (url.searchParams.has("root")) url.searchParams.delete("root");
		else if (current()) url.searchParams.set("root", current().id);
		else return false;
		url.searchParams.delete("zoom");
		visit(url.href);
	});
	Keys.on(["l"], "timeline ↔ lines", otherSide);
	asks(["t"], "from the begin → UTC → here", clock);
	asks([",", "."], "previous, next request of the list", (event) => neighbour(event.key === "," ? -1 : 1));
	asks(["x"], "mark for comparing; two are compared", () => window.Page.mark(main.dataset.self));

	function border() {
		const head = $("table.tree .step-name");
		if (!head) return;
		const handle = make("span", { className: "border", tabIndex: 0 });
		const set = (px) => {
			const width = Math.round(Math.min(Math.max(px, 140), innerWidth * 0.6));
			document.documentElement.style.setProperty("--name", `${width}px`);
			handle.setAttribute("aria-valuenow", String(width));
			store.write("name", width);
		};
		for (const [name, value] of [["role", "separator"], ["aria-orientation", "vertical"], ["aria-label", "width of the names"], ["aria-valuemin", "140"], ["aria-valuemax", "900"], ["aria-valuenow", String(Math.round(head.getBoundingClientRect().width))]]) handle.setAttribute(name, value);
		handle.addEventListener("pointerdown", (event) => {
			handle.setPointerCapture(event.pointerId);
			const grow = (move) => set(move.clientX - head.getBoundingClientRect().left);
			handle.addEventListener("pointermove", grow);
			handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", grow), { once: true });
			event.stopPropagation();
		});
		handle.addEventListener("keydown", (event) => {
			const by = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
			if (!by) return;
			set(head.getBoundingClientRect().width + by);
			event.preventDefault();
			event.stopPropagation();
		});
		head.append(handle);
		const known = store.read("name");
		if (typeof known === "number") set(known);
	}

	function copies() {
		for (const acts of $$(".acts")) {
			const step = acts.closest(".step");
			const as = (words, text) => {
				const button = make("button", { type: "button", className: "link", textContent: words });
				button.addEventListener("click", () => copy(text(), words.replace("copy as ", "")));
				acts.append(" ", button);
			};
			const facts = () => $$("dl > div", step).map((one) => [$("dt", one).textContent, $("dd", one).textContent.trim()]);
			const name = () => row(step).getAttribute("aria-label");
			const link = () => new URL(`?step=${encodeURIComponent(step.id)}#${step.id}`, location.href).href;
			const raw = () => $$(".proof", step).map((one) => one.textContent.trim());
			as("copy as Markdown", () => [`**${name()}**`, "", ...facts().map(([a, b]) => `- ${a}: ${b}`), "", ...raw().map((line) => `    ${line}`), ...(single ? [] : ["", link()])].join("\n"));
			as("copy as JSON", () => JSON.stringify({ step: name(), ...(single ? {} : { link: link() }), ...Object.fromEntries(facts()), lines: raw() }, null, 2));
		}
	}

	// While logs are followed and the request is young, what comes is added.
	let stream = null;
	function live() {
		if (main.dataset.live !== "1" || stream) return;
		const chip = make("p", { className: "live-chip" });
		$("footer").append(chip);
		let [due, busy, lost] = [false, false, false];
		const tell = () => {
			if (lost) return;
			const s = Math.max(0, Math.round((Date.now() - Number(main.dataset.last)) / 1000));
			chip.textContent = s < 300 ? `last record ${s} s ago` : `quiet for ${Math.round(s / 60)} min, may be incomplete`;
		};
		// What comes while the reader is in the middle of something is shown when they are done.
		const refresh = async () => {
			if (!due || busy || lost || isBusy()) return;
			[due, busy] = [false, true];
			due ||= !(await visit(location.href, false, true));
			busy = false;
			tell();
		};
		stream = new EventSource("/live");
		stream.addEventListener("message", () => {
			due = true;
			refresh();
		});
		stream.addEventListener("open", () => {
			lost = false;
			tell();
		});
		const ticking = setInterval(() => {
			tell();
			refresh();
		}, 1000);
		tell();
		stream.addEventListener("error", () => {
			if (stream.readyState === EventSource.CLOSED) clearInterval(ticking);
			if (lost) return;
			lost = true;
			chip.replaceChildren("stream lost, ", make("a", { href: location.href, textContent: "reload" }));
			say("stream lost");
		});
	}

	function ready() {
		refold();
		border();
		copies();
		const target = byId(decodeURIComponent(location.hash.slice(1)));
		if (target?.matches(".step")) at = target.id;
		rove();
	}
	function alone() {
		const bar = make("div", { className: "toolbar" });
		const box = make("input", { placeholder: "find a step or a line", maxLength: 200 });
		box.setAttribute("aria-label", box.placeholder);
		const found = make("span", { className: "found" });
		found.setAttribute("role", "status");
		const form = make("form", { className: "find" });
		form.append(box, found);
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			next(".match", 1);
		});
		box.addEventListener("input", () => {
			const text = box.value.trim().toLowerCase();
			let count = 0;
			for (const one of $$(".step, .log tr[id]")) {
				const is = text !== "" && one.textContent.toLowerCase().includes(text);
				one.classList.toggle("match", is);
				one.classList.toggle("faint", text !== "" && !is);
				count += is;
			}
			found.textContent = text ? `${count} match` : "";
		});
		bar.append(form);
		if ($("details.said")) {
			const hide = make("button", { type: "button", className: "link", textContent: "hide content" });
			hide.addEventListener("click", () => {
				const on = main.classList.toggle("no-content");
				hide.textContent = on ? "show content" : "hide content";
			});
			bar.append(hide);
		}
		($("#timeline h2") ?? $("#lines h2")).after(bar);
	}

	if (single) alone();
	ready();
	live();
})();
