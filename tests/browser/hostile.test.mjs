// Logs are written by strangers: more than 200 payloads in values, keys, ids, names of files and services, levels and links. On no page and in no
// export does any of them become an element, an attribute, an address that runs, or a script.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, serve, watched } from "./harness.mjs";

const RUN = "window.__pwned=1";
const PAYLOADS = [
  // markup
  ...["script", "ScRiPt", "script/x", "script\n"].flatMap((tag) => [`<${tag}>${RUN}</script>`, `</title><${tag}>${RUN}</script>`, `</textarea><${tag}>${RUN}</script>`, `--><${tag}>${RUN}</script><!--`, `]]><${tag}>${RUN}</script>`]),
  ...["img", "image", "input type=image", "video", "audio", "embed", "object data=x", "iframe", "link rel=stylesheet", "source"].flatMap((tag) => [`<${tag} src=x onerror=${RUN}>`, `<${tag} src=x onerror="${RUN}"//`, `"><${tag} src=/nothing onload='${RUN}'>`]),
  ...["body onload", "details open ontoggle", "marquee onstart", "input autofocus onfocus", "select autofocus onfocus", "textarea autofocus onfocus", "keygen autofocus onfocus", "a href=# onclick", "div style=animation-name:x onanimationstart", "p onpointerover"].flatMap((start) => [`<${start}=${RUN}>`, `"'><${start}="${RUN}">`]),
  `<style>*{display:none}</style>`, `<style>@import "https://evil.example/x.css";</style>`, `<base href=https://evil.example/>`, `<meta http-equiv=refresh content="0;url=https://evil.example/">`, `<form action=https://evil.example/><button>go</button></form>`, `<plaintext>`, `<xmp>`, `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`, `<template><script>${RUN}</script></template>`, `<b>bold</b>`, `<h1>a heading</h1>`, `<table><tr><td>cell`, `</td></tr></table><p>outside`, `</details></summary>out`, `</main></body></html>`, `<!--`, `<![CDATA[x]]>`, `<?php echo 1 ?>`, `<!doctype html>`, `<portal src=https://evil.example>`,
  // attributes
  ...[`"`, `'`, `\` `, `" `, `' `, `"/`, `'/`, `\\"`, `\\'`, `&quot;`, `&#34;`, `&#x27;`].flatMap((quote) => [`${quote}onmouseover=${RUN} x=`, `${quote} autofocus onfocus=${RUN} tabindex=1 x=${quote}`, `${quote}style=position:fixed;inset:0 `]),
  // addresses
  ...["javascript:", "JaVaScRiPt:", "java\tscript:", "java\nscript:", " javascript:", "\u0001javascript:", "javascript&colon;", "javascript&#58;", "vbscript:", "data:text/html,<script>", "data:text/html;base64,PHNjcmlwdD4=", "//evil.example/", "https://evil.example/", "\\\\evil.example\\", "/\\evil.example/", "feed:javascript:", "view-source:x", "blob:https://evil.example/"].map((start) => `${start}${RUN}`),
  // drawings
  `<svg onload=${RUN}>`, `<svg><script>${RUN}</script></svg>`, `<svg><script href=data:,${RUN} />`, `<svg><a xlink:href="javascript:${RUN}"><text y=20>x`, `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`, `<svg><set attributeName=onload to=${RUN}>`, `<svg><use href="data:image/svg+xml,<svg id=x onload=${RUN}>#x">`, `<svg><foreignObject><img src=x onerror=${RUN}></foreignObject></svg>`, `</svg><img src=x onerror=${RUN}>`, `"/><image href=x onerror=${RUN}>`, `</text></svg><script>${RUN}</script>`, `url(#hatch)`, `<math><mtext></table></math><img src=x onerror=${RUN}>`, `<math href="javascript:${RUN}">x</math>`,
  // languages of templates
  `{{constructor.constructor('${RUN}')()}}`, `{{ 7*7 }}`, `{% raw %}<b>{% endraw %}`, `{% include "/etc/passwd" %}`, "${7*7}", "#{7*7}", `<%= 7*7 %>`, `[[${RUN}]]`, `{{{html}}}`, `{!! html !!}`, "`${" + RUN + "}`", `@{7*7}`, `*{7*7}`, `$(id)`, "%s%n%x", `{0}`,
  // entities
  `&lt;script&gt;${RUN}&lt;/script&gt;`, `&#60;img src=x onerror=${RUN}&#62;`, `&#x3c;b&#x3e;`, `&amp;lt;b&amp;gt;`, `&lt`, `&notit;`, `&#0;`, `&#xD800;`, `&NewLine;`, `&nbsp;<b>`, `%3Cscript%3E${RUN}%3C/script%3E`, `\\u003cscript\\u003e${RUN}`, `\\x3cimg src=x onerror=${RUN}\\x3e`,
  // letters that mislead
  "\u202e<gpj.exe>", "\u2066<b>\u2069", "\u200b<script>", "＜script＞" + RUN + "＜/script＞", "‹script›", "\ufeff<b>x</b>", "<\u0000script>" + RUN + "</script>", "<scr\u0000ipt>", "\u001b[31mred\u001b[0m", "\u2028" + RUN + "\u2029", "A\u0300\u0301\u0302\u0303\u0304\u0305".repeat(20), "\u{1f469}\u200d\u{1f4bb}", "\ud7ff\ue000", "𝒿𝒶𝓋𝒶𝓈𝒸𝓇𝒾𝓅𝓉:", "ſcript<ſcript>", "\r\nSet-Cookie: a=b", "\r\n\r\n<script>" + RUN + "</script>", "İ<b>", "\u00ad<b\u00ad>", "\u0085<b>",
  // style
  `expression(${RUN})`, `}</style><script>${RUN}</script>`, `;background:url(https://evil.example/)`, `/*</style>*/`, `red;}body{display:none}`, `@import url(//evil.example)`, `behavior:url(x.htc)`, `-moz-binding:url(x)`, `\\3c script\\3e`, `";content:"x`,
  // scripts
  `');${RUN};//`, `");${RUN};//`, `\\');${RUN};//`, `</script><script>${RUN}</script>`, `__proto__`, `constructor`, `toString`, `-${RUN}-`, `;${RUN};`, `]});${RUN};//`,
  // Markdown, for the ticket
  `[x](javascript:${RUN})`, `![x](https://evil.example/x.png)`, "```\n<script>" + RUN + "</script>\n```", `| a | b |\n|---|---|`, `<https://evil.example>`, `[x]: javascript:${RUN}`, `# heading`, `> quote <b>`,
];

const harmless = (_, n) => `plain ${n}`;
/** A text that can be the name of a file: no slash, no NUL, not too long. */
const fileName = (text) => text.replace(/[/\0]/g, "∕").slice(0, 40) || "x";

/** Writes the same lines with each payload in every place a line has, or with harmless texts in the same places. */
function write(folder, texts) {
  const begin = Date.UTC(2026, 10, 20, 9, 0, 0);
  const lines = texts.map((text, n) => {
    const id = `req_01M7QEVIL${String(n).padStart(17, "0")}`;
    const at = (ms) => new Date(begin + n * 2_000 + ms).toISOString();
    const base = { request_id: id };
    return [
      { timestamp: at(0), level: "info", service: "api", event: "request received", method: "POST", path: `/v1/${text}`, route: text, user_agent: text, ...base },
      { timestamp: at(10), level: text, service: text, event: text, message: text, task_id: `task-${n}-${text}`, task: text, queue: text, ...base, [text]: text, nested: { [text]: [text, { href: text, url: text }] } },
      { timestamp: at(20), level: "error", service: "api", event: "model call failed", model: text, provider: text, duration_ms: 8, error: text, error_type: text, exception: `Traceback\n  ${text}\nError: ${text}`, prompt: text, messages: [{ role: text, content: text }], ...base },
      { timestamp: at(30), level: "info", service: "api", event: "tool call finished", tool: text, duration_ms: 5, worker: text, host: text, ...base },
      { timestamp: at(40), level: "info", service: "api", event: "request completed", status: 200, duration_ms: 40, ...base },
      { timestamp: at(50), level: "info", service: "api", event: "by a strange id", request_id: text },
    ].map((line) => JSON.stringify(line));
  });
  writeFileSync(join(folder, "all.log"), lines.flat().join("\n") + "\n");
  // Some of them as names of files too, each with lines of its own.
  for (let n = 0; n < texts.length; n += 9) writeFileSync(join(folder, `${fileName(texts[n])}.log`), lines[n].slice(0, 5).join("\n") + "\n");
}

/** What our pages have where lines are richer than the plain ones here; a request of the sample logs has the rest. */
const OURS = ["small title"];
const RICH = ["/r/req_01M7QGFP4Z7RT7ZZGYQE2G9KB0", "/r/req_01M7QGFP4Z7RT7ZZGYQE2G9KB0?path=on&group=operation&fold=1&zoom=43000-50000&find=gpt", "/r/req_01M7QDR9APRHT2H0HF90CN64CK", "/", "/lines", "/sources"];

const folders = [];
let known;
let evil;
let clean;
let browser;
before(async () => {
  const served = [PAYLOADS, PAYLOADS.map(harmless)].map((texts) => {
    const folder = mkdtempSync(join(tmpdir(), "throughline-hostile-"));
    folders.push(folder);
    write(folder, texts);
    return serve(folder, "--no-follow");
  });
  let samples;
  [evil, clean, samples, browser] = await Promise.all([...served, serve("sample-logs", "--no-follow"), launch()]);
  try {
    known = new Set([...OURS, ...(await walk(samples, RICH, true)).names]);
  } finally {
    await samples.stop();
  }
});
after(async () => {
  await browser?.close();
  await Promise.all([evil?.stop(), clean?.stop()]);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const idOf = (n) => `req_01M7QEVIL${String(n).padStart(17, "0")}`;
/** Names of elements and of their attributes, addresses that are not ours, and styles of data. */
const kinds = () => {
  const names = new Set();
  const odd = [];
  for (const element of document.querySelectorAll("*")) {
    const tag = element.tagName.toLowerCase();
    names.add(tag);
    for (const { name, value } of element.attributes) {
      names.add(`${tag} ${name}`);
      if (name.startsWith("on") || name === "style" || name === "srcdoc") odd.push(`${tag} ${name}=${value}`);
      if (["href", "xlink:href", "src", "action", "formaction"].includes(name) && !/^(\/(?![/\\])|#|\?)/.test(value)) odd.push(`${tag} ${name}=${value}`);
    }
  }
  return { names: [...names], odd, pwned: window.__pwned };
};

/** What stands on the pages of a server, and every fault on the way. */
async function walk(server, addresses, scripts) {
  const { page, faults, close } = await watched(browser, server.url, { scripts });
  const names = new Set();
  const wrong = [];
  page.on("dialog", (dialog) => (wrong.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
  try {
    for (const address of addresses) {
      await page.goto(address);
      if (scripts) await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
      const found = await page.evaluate(kinds);
      found.names.forEach((name) => names.add(name));
      wrong.push(...found.odd.map((odd) => `${address}: ${odd}`));
      if (found.pwned !== undefined) wrong.push(`${address}: a script ran`);
      if (new URL(page.url()).origin !== new URL(server.url).origin) wrong.push(`${address}: led to ${page.url()}`);
    }
    wrong.push(...faults().filter((fault) => !/^404 for|status of 404|^300 for/.test(fault)));
  } finally {
    await close();
  }
  return { names, wrong };
}

const every = PAYLOADS.map((_, n) => `/r/${idOf(n)}`);
const some = every.filter((_, n) => n % 10 === 0);
const general = (text) => [
  "/", "/?sort=total", "/?preset=failed", "/lines", "/lines?q=level:>=warn", "/sources", "/nothing",
  `/?q=${encodeURIComponent(text)}`, `/lines?q=${encodeURIComponent(text)}`, `/go?id=${encodeURIComponent(text)}`, `/r/${encodeURIComponent(text)}`,
];
const wished = (text) => ["find", "step", "root", "zoom", "fold", "group", "src", "level", "text", "tz", text].map((key) => `${every[3]}?${encodeURIComponent(key)}=${encodeURIComponent(text)}`);

test("there are more than 200 different payloads", () => {
  assert.ok(PAYLOADS.length >= 200);
  assert.equal(new Set(PAYLOADS).size, PAYLOADS.length);
});

test("on the pages of requests no payload becomes an element, an attribute, an address or a script", async () => {
  const plain = await walk(clean, some.flatMap((address) => [address, `${address}?path=on&group=operation&rows=all`]), true);
  const found = await walk(evil, every, true);
  assert.deepEqual(plain.wrong, []);
  assert.deepEqual(found.wrong, []);
  assert.deepEqual([...found.names].filter((name) => !plain.names.has(name) && !known.has(name)), []);
});

test("nor in lists, lines, sources, searches and wishes, where it is typed or linked", async () => {
  const texts = PAYLOADS.filter((_, n) => n % 12 === 0);
  const addresses = (list) => [...list.flatMap(general), ...list.slice(0, 6).flatMap(wished)];
  const plain = await walk(clean, [...addresses(["plain 1", "dur:>5", "status:failed", "plain", "req_01M7Q", `"plain 1" -word level:error`]), ...some], true);
  const found = await walk(evil, addresses(texts), true);
  assert.deepEqual(found.wrong, []);
  assert.deepEqual([...found.names].filter((name) => !plain.names.has(name) && !known.has(name)), []);
});

test("nor without scripts", async () => {
  const plain = await walk(clean, some, false);
  const found = await walk(evil, some, false);
  assert.deepEqual(found.wrong, []);
  assert.deepEqual([...found.names].filter((name) => !plain.names.has(name) && !known.has(name)), []);
});

test("no export is a page, and a ticket holds no markup", async () => {
  const wrong = [];
  for (const ending of ["json", "ndjson", "md", "perfetto.json", "otlp.json"]) {
    for (const address of every.filter((_, n) => n % 4 === 0)) {
      const answer = await fetch(new URL(`${address}.${ending}`, evil.url));
      const text = await answer.text();
      const type = answer.headers.get("content-type");
      if (answer.status !== 200) wrong.push(`${address}.${ending}: ${answer.status}`);
      if (!/^(application\/json|application\/x-ndjson|text\/markdown)/.test(type) || answer.headers.get("x-content-type-options") !== "nosniff") wrong.push(`${address}.${ending}: ${type}`);
      if (!/default-src 'none'/.test(answer.headers.get("content-security-policy"))) wrong.push(`${address}.${ending}: no policy`);
      if (answer.headers.get("set-cookie") !== null) wrong.push(`${address}.${ending}: a header of data`);
      if (ending.endsWith("json") && ending !== "ndjson") JSON.parse(text);
      if (ending === "ndjson") text.trim().split("\n").forEach((line) => JSON.parse(line));
    }
  }
  for (const address of ["/requests.json", "/lines.json", "/sources.json"]) JSON.parse(await (await fetch(new URL(address, evil.url))).text());
  assert.deepEqual(wrong, []);
});

test("an export opened in a browser runs nothing", async () => {
  const { page, close } = await watched(browser, evil.url, {});
  try {
    for (const n of [0, 20, 60, 140]) {
      for (const ending of ["json", "md"]) {
        await page.goto(`${every[n]}.${ending}`).catch((error) => assert.match(error.message, /Download is starting/));
        assert.equal(await page.evaluate(() => window.__pwned), undefined);
        assert.equal(await page.evaluate(() => document.querySelectorAll("script, img, iframe, svg").length), 0);
      }
    }
  } finally {
    await close();
  }
});

test("a copy of a step, and the list walked by keys, run nothing", async () => {
  const { page, faults, close } = await watched(browser, evil.url, {});
  try {
    for (const n of [0, 25, 70, 120]) {
      await page.goto(every[n]);
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      for (const key of ["l", "c", "t", "?"]) await page.keyboard.press(key);
      assert.equal(await page.evaluate(() => window.__pwned), undefined);
    }
    assert.deepEqual(faults(), []);
  } finally {
    await close();
  }
});
