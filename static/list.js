// Dragging over the scatter narrows the list to that time and those totals; without scripts its regions are links.
(() => {
	"use strict";
	const plot = document.querySelector("svg.scatter");
	if (!plot) return;
	const numbers = (name) => plot.dataset[name].split(" ").map(Number);
	const [timeFrom, timeTo] = numbers("time");
	const [low, high] = numbers("total");
	const [left, right] = numbers("ends");
	const HEIGHT = 116;
	const MARGIN = 4;
	const LEAST = 6;
	const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
	box.setAttribute("class", "window");
	let from, dragged;

	plot.previousElementSibling?.querySelector("small")?.append("; drag to narrow");

	const within = (value, least, most) => Math.min(Math.max(value, least), most);
	const at = (event) => {
		const { left: x, top, width } = plot.getBoundingClientRect();
		return { x: within(event.clientX - x, (width * left) / 100, (width * right) / 100), y: within(event.clientY - top, 0, HEIGHT), width };
	};
	const time = ({ x, width }) => timeFrom + (((x / width) * 100 - left) / (right - left)) * (timeTo - timeFrom);
	const total = ({ y }) => low * (high / low) ** within((HEIGHT - MARGIN - y) / (HEIGHT - 2 * MARGIN), 0, 1);
	const length = (ns, up) => `${up ? Math.ceil(ns / 1e3) : Math.floor(ns / 1e3)}us`;

	const go = (a, b) => {
		const sorted = (of) => [of(a), of(b)].sort((x, y) => x - y);
		const [first, last] = sorted(time);
		const [least, most] = sorted(total);
		const bounds = [`since:${new Date(Math.floor(first)).toISOString()}`, `until:${new Date(Math.ceil(last)).toISOString()}`];
			const top = Math.min(a.y, b.y) <= MARGIN;
		const bottom = Math.max(a.y, b.y) >= HEIGHT - MARGIN;
		if (!top || !bottom) bounds.push(`dur:${bottom ? "" : length(least, false)}..${top ? "" : length(most, true)}`);
		const address = new URL(location.href);
		address.searchParams.delete("after");
		address.searchParams.set("q", [plot.dataset.rest, ...bounds].filter(Boolean).join(" "));
		location.href = address;
	};

	plot.addEventListener("dragstart", (event) => event.preventDefault());
	plot.addEventListener("pointerdown", (event) => {
		if (event.button === 0 && event.pointerType !== "touch") from = at(event);
		dragged = false;
	});
	addEventListener("pointermove", (event) => {
		if (!from) return;
		const to = at(event);
		dragged ||= Math.hypot(to.x - from.x, to.y - from.y) >= LEAST;
		if (!dragged) return;
		for (const [axis, size] of [["x", "width"], ["y", "height"]]) {
			box.setAttribute(axis, Math.min(from[axis], to[axis]));
			box.setAttribute(size, Math.abs(to[axis] - from[axis]));
		}
		plot.append(box);
	});
	addEventListener("pointerup", (event) => {
		if (from && dragged) go(from, at(event));
		from = null;
	});
	plot.addEventListener("click", (event) => dragged && event.preventDefault(), true);
	addEventListener("pageshow", () => box.remove());
	addEventListener("keydown", ({ key }) => {
		if (key === "Escape") from = box.remove();
	});
})();
