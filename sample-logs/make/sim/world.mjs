// The product "Briefly" and its afternoon: who uses it, which models and prompts serve it, and when the seven stories happen.
//
// Times are microseconds since 1970 in true time; each logger writes them as its host sees them. Nothing here is random.

const DAY = Date.UTC(2026, 10, 18) * 1000;

/** `at("14:05:00.250")` of the afternoon, in microseconds. */
export function at(clock) {
  const [h, m, s] = clock.split(":").map(Number);
  return DAY + Math.round(((h * 60 + m) * 60 + s) * 1e6);
}

export const SEED = "briefly-2026-11-18";
export const OPENS = at("13:20:04");
export const CLOSES = at("14:38:30");
export const BOOT = at("13:19:31.408");
export const ROTATES = at("14:02:00");
export const RELEASE = "2026.46.2";
export const CONFIG = "cfg-9c41e0";

/** What happens when. */
export const STORY = {
  promptChange: at("14:05:00.412"),
  storm: [at("13:44:20"), at("13:48:50")],
  backlog: [at("14:14:05"), at("14:21:05")],
  gatewayRestart: at("13:42:22.915"),
  fallbacks: ["13:32:47.318", "13:58:20.904", "14:28:11.650"].map(at),
  deadLetters: ["13:27:41.127", "14:02:36.580", "14:31:02.214"].map(at),
  cancelledAsks: ["13:41:12.430", "13:52:33.087", "14:33:26.719"].map(at),
  duplicateUpload: at("13:50:17.264"),
  lostUpload: at("14:24:48.533"),
  crashes: ["13:38:55.012", "14:11:29.771"].map(at),
};

/** Clocks: what each host adds to true time, in microseconds. */
export const SKEW = { edge: 0, api: 0, reviews: 0, gateway: 0, index: 0, render: -1_840_000 };

/** The index worker's container runs in New York's zone (UTC-5 in November) and writes no zone. */
export const INDEX_ZONE_US = -5 * 3600 * 1e6;

/** Model groups as the gateway's configuration names them. */
export const MODELS = {
  summariser: { model: "gpt-4.1-mini", served: "gpt-4.1-mini-2025-04-14", firstMs: 430, perSecond: 96, priceIn: 0.4e-6, priceOut: 1.6e-6, maxTokens: 4096 },
  "summariser-small": {
    model: "gpt-4.1-nano",
    served: "gpt-4.1-nano-2025-04-14",
    firstMs: 260,
    perSecond: 142,
    priceIn: 0.1e-6,
    priceOut: 0.4e-6,
    maxTokens: 4096,
  },
  answerer: { model: "gpt-4.1", served: "gpt-4.1-2025-04-14", firstMs: 560, perSecond: 78, priceIn: 2e-6, priceOut: 8e-6, maxTokens: 1024 },
  reviewer: { model: "gpt-4.1", served: "gpt-4.1-2025-04-14", firstMs: 610, perSecond: 78, priceIn: 2e-6, priceOut: 8e-6, maxTokens: 8192 },
  outliner: { model: "gpt-4.1-nano", served: "gpt-4.1-nano-2025-04-14", firstMs: 260, perSecond: 142, priceIn: 0.1e-6, priceOut: 0.4e-6, maxTokens: 512 },
  embedder: { model: "text-embedding-3-large", served: "text-embedding-3-large", firstMs: 140, perSecond: 0, priceIn: 0.13e-6, priceOut: 0, maxTokens: 0 },
};

/** Prompt versions in force at a time. */
export function promptVersion(name, time) {
  if (name === "summarise") return time < STORY.promptChange ? 8 : 9;
  return { ask: 12, review: 31, outline: 3 }[name];
}

export const CLIENTS = {
  web: {
    agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    giveUpMs: 10_000,
    weight: 8,
  },
  word: { agent: "BrieflyWordAddin/2.9.0 (Office 16.0; Windows)", giveUpMs: 10_000, weight: 3 },
  api: { agent: "briefly-python/1.7.2", giveUpMs: 60_000, weight: 3 },
};
export const BULK_AGENT = "briefly-cli/0.14.1";

/** Tenants by name; ids are drawn, see `people.mjs`. */
export const TENANTS = [
  { name: "harbourline", users: 6, weight: 5, webhook: true },
  { name: "moss-and-field", users: 4, weight: 4, webhook: true },
  { name: "tallis", users: 5, weight: 4, webhook: false },
  { name: "northgate-legal", users: 7, weight: 5, webhook: true },
  { name: "oxbow", users: 3, weight: 2, webhook: false },
  { name: "quillfeather", users: 3, weight: 2, webhook: true },
  { name: "st-arnaud", users: 4, weight: 3, webhook: false },
];

export const FILE_NAMES = [
  "master-services-agreement.pdf",
  "lease-2026.pdf",
  "nda-mutual.docx",
  "supplier-terms-v4.pdf",
  "employment-contract.docx",
  "data-processing-addendum.pdf",
  "share-purchase.pdf",
  "loan-facility.pdf",
  "franchise.pdf",
  "licence-renewal.docx",
];
