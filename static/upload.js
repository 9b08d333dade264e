// Sends a file in pieces and shows how far it is; after a break it goes on. Without this the form sends it whole.
(function () {
  "use strict";
  const PIECE = 8 * 1024 * 1024;
  const PATIENCE = 8;
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.fetch || !window.BigInt || !File.prototype.slice) { return; }
  const bar = form.querySelector("progress");
  const words = form.querySelector("[data-upload-words]");
  let button = form.querySelector("button[type=submit]:not([formnovalidate])");
  let naming = "";

  // SHA-256 piece by piece: the browser's own takes only what is in memory as a whole.
  const K = primes(64).map(function (p) { return fraction(Math.cbrt(p)); });
  function primes(count) {
    const found = [];
    for (let n = 2; found.length < count; n += 1) {
      if (found.every(function (p) { return n % p !== 0; })) { found.push(n); }
    }
    return found;
  }
  function fraction(value) { return ((value - Math.floor(value)) * 4294967296) | 0; }
  function Hasher() {
    this.state = Int32Array.from(primes(8).map(function (p) { return fraction(Math.sqrt(p)); }));
    this.left = new Uint8Array(0);
    this.length = 0;
    this.w = new Int32Array(64);
  }
  Hasher.prototype.block = function (data, at) {
    const w = this.w;
    const s = this.state;
    for (let i = 0; i < 16; i += 1, at += 4) {
      w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15];
      const y = w[i - 2];
      const p = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const q = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + p + w[i - 7] + q) | 0;
    }
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let i = 0; i < 64; i += 1) {
      const u = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const first = (h + u + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const v = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const second = (v + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + first) | 0; d = c; c = b; b = a; a = (first + second) | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  };
  Hasher.prototype.add = function (piece) {
    this.length += piece.length;
    const data = new Uint8Array(this.left.length + piece.length);
    data.set(this.left);
    data.set(piece, this.left.length);
    const whole = data.length - (data.length % 64);
    for (let at = 0; at < whole; at += 64) { this.block(data, at); }
    this.left = data.slice(whole);
  };
  Hasher.prototype.end = function () {
    const bits = BigInt(this.length) * 8n;
    const tail = new Uint8Array((this.left.length < 56 ? 64 : 128) - this.left.length);
    tail[0] = 0x80;
    new DataView(tail.buffer).setBigUint64(tail.length - 8, bits);
    this.add(tail);
    return new Uint8Array(Array.from(this.state).flatMap(function (v) {
      return [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];
    }));
  };
  function hex(bytes) {
    return Array.from(bytes, function (b) { return b.toString(16).padStart(2, "0"); }).join("");
  }
  function base64(bytes) { return window.btoa(String.fromCharCode.apply(null, bytes)); }
  function digestOf(bytes) { const h = new Hasher(); h.add(bytes); return h.end(); }

  function show(said, share) {
    const text = naming + said;
    bar.hidden = false;
    bar.value = share;
    if (words.textContent !== text) { words.textContent = text; }
  }
  function percent(share) { return Math.floor(share * 100) + " %"; }
  function pause(ms) { return new Promise(function (done) { window.setTimeout(done, ms); }); }
  async function ask(method, path, headers, body) {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const told = Object.assign({ "X-CSRFToken": token, "Accept": "application/json" }, headers);
    const answer = await fetch("/api/v1" + path, { method: method, headers: told, body: body, credentials: "same-origin" });
    const found = await answer.json();
    if (!answer.ok) { throw Object.assign(new Error(found.detail || answer.statusText), { status: answer.status }); }
    return found;
  }
  function json(method, path, body) {
    return ask(method, path, { "Content-Type": "application/json" }, JSON.stringify(body));
  }
  async function bytes(file, from, to) { return new Uint8Array(await file.slice(from, to).arrayBuffer()); }

  async function hashed(file) {
    const hasher = new Hasher();
    for (let at = 0; at < file.size; at += PIECE) {
      hasher.add(await bytes(file, at, at + PIECE));
      show("Reading the file: " + percent(Math.min(1, (at + PIECE) / file.size)), 0);
    }
    return "sha256:" + hex(hasher.end());
  }
  async function piece(place, file, at) {
    const data = await bytes(file, at, Math.min(at + PIECE, file.size));
    const headers = {
      "Content-Type": "application/partial-upload",
      "Upload-Offset": String(at),
      "Content-Digest": "sha-256=:" + base64(digestOf(data)) + ":"
    };
    return (await ask("PATCH", place, headers, data)).offset;
  }
  async function sent(file, upload) {
    const place = "/uploads/" + upload.id;
    let at = upload.offset;
    let failed = 0;
    while (at < file.size) {
      let reached = at;
      show("Sending: " + percent(at / file.size), at / file.size);
      try {
        reached = await piece(place, file, at);
      } catch (error) {
        const passing = !error.status || [408, 409, 429, 500, 502, 503, 504].includes(error.status);
        if (!passing || failed >= PATIENCE) { throw error; }
        show("The connection broke off; going on in a moment.", at / file.size);
        await pause(1000 * (failed + 1));
        reached = await ask("GET", place, {}).then(function (u) { return u.offset; }, function () { return at; });
      }
      failed = reached > at ? 0 : failed + 1;
      at = reached;
    }
    show("Checking the bytes.", 1);
    return json("POST", place + "/complete", {});
  }
  async function upload(file) {
    const limit = Number(form.dataset.upload);
    if (file.size > limit) {
      throw new Error("The file has " + file.size.toLocaleString("en") + " bytes; at most " + limit.toLocaleString("en") + " are taken.");
    }
    const digest = await hashed(file);
    const told = { digest: digest, size: file.size, media: file.type.slice(0, 100) };
    if (form.dataset.uploadUnit) { told.unit = form.dataset.uploadUnit; }
    const begun = await json("POST", "/uploads", told);
    if (!begun.complete) { await sent(file, begun); }
    show("Stored: " + digest, 1);
    return digest;
  }
  function failed(error) {
    words.textContent = error.message || "The upload failed.";
    words.classList.add("bad");
    button.disabled = false;
    button.focus();
  }
  // A form with several files: each is sent, and what the form sends in the end are their digests.
  async function all(inputs) {
    const held = JSON.parse(form.elements.held.value || "[]");
    for (const input of inputs) {
      for (const file of input.files) {
        const known = held.find(function (h) { return h.role === input.name && h.name === file.name && h.size === file.size; });
        if (known) { continue; }
        naming = file.name + ": ";
        held.push({ role: input.name, name: file.name, digest: await upload(file), size: file.size });
        form.elements.held.value = JSON.stringify(held);
      }
      input.value = "";
    }
  }
  function many(event) {
    const inputs = Array.from(form.querySelectorAll("input[type=file]")).filter(function (input) {
      return input.name !== "manifest" && input.files.length;
    });
    if (!inputs.length || (event.submitter && event.submitter.value !== "files")) { return; }
    event.preventDefault();
    button = event.submitter || button;
    button.disabled = true;
    words.classList.remove("bad");
    all(inputs).then(function () { button.disabled = false; form.requestSubmit(button); }, failed);
  }
  if (form.hasAttribute("data-upload-many")) {
    form.addEventListener("submit", many);
    return;
  }
  form.addEventListener("submit", function (event) {
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) { return; }
    event.preventDefault();
    button.disabled = true;
    words.classList.remove("bad");
    upload(file).then(function () {
      window.setTimeout(function () { window.location.assign("/uploads"); }, 1500);
    }, failed);
  });
})();
