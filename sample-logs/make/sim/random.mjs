// Randomness that is the same on every machine: a keyed generator, distributions and the shapes of ids.
//
// Guarantees: only additions, multiplications and integer arithmetic, because Math.exp and Math.log may differ in the last bit
// between engines. Never reads a clock and never shares state between streams: a stream is a function of its names.

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A 32-bit hash of a text (FNV-1a with a final mix). */
function hash(text, salt) {
  let h = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** e to the power x, by halving the argument and a series: the same bits everywhere. */
function exp(x) {
  let halvings = 0;
  while (Math.abs(x) > 0.25) ((x /= 2), halvings++);
  let sum = 1,
    term = 1;
  for (let n = 1; n < 14; n++) ((term = (term * x) / n), (sum += term));
  while (halvings-- > 0) sum *= sum;
  return sum;
}

export class Random {
  /** A stream of its own for these names; the same names give the same stream. */
  constructor(...names) {
    const key = names.join("\u001f");
    [this.a, this.b, this.c] = [hash(key, 1), hash(key, 2), hash(key, 3)];
    this.d = 1;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 random bits (sfc32). */
  next() {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** In [0, 1). */
  unit() {
    return this.next() / 4294967296;
  }

  between(low, high) {
    return low + (high - low) * this.unit();
  }

  /** An integer, both ends included. */
  integer(low, high) {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability) {
    return this.unit() < probability;
  }

  pick(list) {
    return list[Math.floor(this.unit() * list.length)];
  }

  /** One of `list`, as often as its `weight` says. */
  weighted(list) {
    let left = this.unit() * list.reduce((sum, item) => sum + item.weight, 0);
    for (const item of list) if ((left -= item.weight) < 0) return item;
    return list[list.length - 1];
  }

  /** Standard normal, from twelve uniforms: no tail beyond 6, which is what a timeout would cut anyway. */
  normal() {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.unit();
    return sum;
  }

  /** Log-normal by its median and the spread of its logarithm. */
  lognormal(median, sigma) {
    return median * exp(sigma * this.normal());
  }

  /** Microseconds, log-normal, of a median in milliseconds. */
  us(medianMs, sigma) {
    return Math.round(this.lognormal(medianMs, sigma) * 1000);
  }

  text(alphabet, length) {
    let out = "";
    for (let i = 0; i < length; i++) out += alphabet[this.next() % alphabet.length];
    return out;
  }

  hex(length) {
    return this.text("0123456789abcdef", length);
  }

  base62(length) {
    return this.text(BASE62, length);
  }

  uuid() {
    const h = this.hex(30);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(12, 15)}-${"89ab"[this.next() % 4]}${h.slice(15, 18)}-${h.slice(18, 30)}`;
  }

  /** A ULID whose first ten characters are the time. */
  ulid(us) {
    let ms = Math.floor(us / 1000),
      time = "";
    for (let i = 0; i < 10; i++) ((time = CROCKFORD[ms % 32] + time), (ms = Math.floor(ms / 32)));
    return time + this.text(CROCKFORD, 16);
  }
}
