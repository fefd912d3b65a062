// Comforts for keyboards and clipboards on every page; each page is whole without them.
// Keys do nothing inside inputs or with modifiers, never take the browser's own search, and can be switched off (`?`).
const Keys = (() => {
	"use strict";
	const list = new Map();
	const off = () => {
		try { return localStorage.getItem("keys") === "off"; } catch { return false; }
	};
	const inField = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
	addEventListener("keydown", (event) => {
		if (inField(event.target)) {
			if (event.key === "Escape") event.target.blur();
			return;
		}
		if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
		if (off() && event.key !== "?") return;
		const found = list.get(event.key);
		if (found && found.run(event) !== false) event.preventDefault();
	});
	return {
		/** Binds keys to an action; an action that returns false leaves the key to the browser. */
		on(keys, words, run) {
			for (const key of keys) list.set(key, { words, run, keys });
		},
		off,
		all: () => [...new Map([...list.values()].map((one) => [one.words, one])).values()],
	};
})();

/** An element with its properties. */
const make = (name, properties) => Object.assign(document.createElement(name), properties);

(() => {
	"use strict";
	const $ = (css, from = document) => from.querySelector(css);
	const store = {
		read(key) {
			try { return JSON.parse(sessionStorage.getItem(key)) ?? []; } catch { return []; }
		},
		write(key, value) {
			try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* private windows may refuse */ }
		},
	};

	// What was done is said where a reader of the screen hears it.
	const said = document.createElement("p");
	said.className = "said-now";
	said.setAttribute("role", "status");
	document.body.append(said);
	let clear;
	const say = (text) => {
		said.textContent = text;
		clearTimeout(clear);
		clear = setTimeout(() => (said.textContent = ""), 2500);
	};
	const copy = async (text, what) => {
		try {
			await navigator.clipboard.writeText(text);
			say(`${what} copied`);
		} catch {
			say("the browser did not let it be copied");
		}
	};
	window.Page = { say, copy, store };

	Keys.on(["/"], "to the search box", () => {
		const box = $("#search");
		box?.focus();
		box?.select();
	});
	Keys.on(["?"], "these keys", help);
	Keys.on(["y"], "copy the link", () => copy(location.href, "link"));
	Keys.on(["Y"], "copy the id", () => {
		const id = $(".ids .id")?.textContent;
		return id ? copy(id, "id") : false;
	});

	function help() {
		const old = $("dialog.keys");
		const dialog = old ?? document.createElement("dialog");
		if (!old) {
			dialog.className = "keys";
			const title = document.createElement("h2");
			title.textContent = "Keys";
			const table = document.createElement("dl");
			for (const { keys, words } of Keys.all()) {
				const dt = document.createElement("dt");
				for (const key of keys) dt.append(make("kbd", { textContent: key.replace("Arrow", "") }), " ");
				table.append(dt, make("dd", { textContent: words }));
			}
			const label = document.createElement("label");
			const box = make("input", { type: "checkbox", checked: !Keys.off() });
			box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
			label.append(box, " keys are on (? always is)");
			const close = make("button", { textContent: "close" });
			close.addEventListener("click", () => dialog.close());
			dialog.append(title, table, label, close);
			document.body.append(dialog);
		}
		dialog.showModal();
	}

	// The list: j and k along rows, Enter opens, x marks two for compare; the order is kept for `,` and `.` on a request.
	const rows = [...document.querySelectorAll(".rows.requests tbody tr")];
	const links = rows.map((row) => $(".rid a", row)).filter(Boolean);
	if (links.length) {
		store.write("order", links.map((a) => a.getAttribute("href")));
		let at = -1;
		const go = (step) => {
			rows[at]?.classList.remove("at");
			at = Math.min(Math.max(at + step, 0), rows.length - 1);
			rows[at].classList.add("at");
			links[at]?.focus({ preventScroll: true });
			rows[at].scrollIntoView({ block: "nearest" });
		};
		Keys.on(["j", "ArrowDown"], "next row", () => go(1));
		Keys.on(["k", "ArrowUp"], "previous row", () => go(-1));
		Keys.on(["x"], "mark for comparing; two are compared", () => (at < 0 ? false : mark(links[at].getAttribute("href"), rows[at])));
	}
	const id = (href) => {
		const url = new URL(href, location.href);
		const name = decodeURIComponent(url.pathname.slice("/r/".length));
		const scope = url.searchParams.get("scope");
		return { name, scope };
	};
	function mark(href, row) {
		const marked = store.read("marked").filter((other) => other !== href);
		marked.push(href);
		row?.classList.add("marked");
		if (marked.length < 2) {
			store.write("marked", marked);
			return say("marked; mark another one to compare the two");
		}
		store.write("marked", []);
		const query = new URLSearchParams();
		for (const [key, one] of [["a", id(marked[0])], ["b", id(marked[1])]]) {
			query.set(key, one.name);
			if (one.scope) query.set(`${key}_scope`, one.scope);
		}
		location.href = `/compare?${query}`;
	}
	window.Page.mark = mark;

	// A page that takes longer than a second says so, with a way to stop waiting for it.
	const slow = document.createElement("p");
	slow.className = "said-now";
	slow.setAttribute("role", "status");
	const stop = make("button", { textContent: "cancel" });
	let waiting;
	const settle = () => {
		clearInterval(waiting);
		slow.remove();
	};
	const wait = () => {
		settle();
		const begun = performance.now();
		waiting = setInterval(() => {
			const seconds = (performance.now() - begun) / 1000;
			if (seconds < 1) return;
			// The server gives up before that: what is left is no page but a file.
			if (seconds > 10) return settle();
			slow.replaceChildren(`searching for ${seconds.toFixed(0)} s `, stop);
			if (!slow.isConnected) document.body.append(slow);
		}, 500);
	};
	stop.addEventListener("click", () => {
		window.stop();
		settle();
	});
	addEventListener("submit", (event) => event.defaultPrevented || wait());
	addEventListener("click", (event) => {
		const link = event.target instanceof Element && event.target.closest("a[href^='/']");
		if (link && !link.hasAttribute("download") && !event.defaultPrevented && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) wait();
	});
	addEventListener("pagehide", settle);
	addEventListener("pageshow", settle);

	window.Page.ids = () => {
		if (!navigator.clipboard) return;
		for (const id of document.querySelectorAll(".ids .id")) {
			if (id.nextElementSibling?.matches(".copy")) continue;
			const button = make("button", { type: "button", className: "copy", textContent: "copy" });
			button.setAttribute("aria-label", `copy ${id.textContent}`);
			button.addEventListener("click", () => copy(id.textContent, "id"));
			id.after(button);
		}
	};
	window.Page.ids();
})();
