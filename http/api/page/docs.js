// The page of the API: it reads the document and lets people try each operation. Whatever it shows is put in as text.
"use strict";

let api;

const byId = (id) => document.getElementById(id);

// make builds an element with properties and children.
function make(tag, properties, ...children) {
  const e = Object.assign(document.createElement(tag), properties);
  e.append(...children.filter((c) => c != null));
  return e;
}

// resolve follows references within the document.
function resolve(o) {
  while (o && o.$ref) o = o.$ref.slice(2).split("/").reduce((at, part) => at[part], api);
  return o;
}

function typeOf(schema) {
  const s = resolve(schema) || {};
  if (s.enum) return s.enum.join(" | ");
  if (s.type === "array") return "list of " + typeOf(s.items);
  return [s.type, s.format].filter(Boolean).join(", ");
}

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function operation(method, path, item, op) {
  const parameters = [...(item.parameters || []), ...(op.parameters || [])].map(resolve);
  const fields = new Map(parameters.map((p) => [p, make("input", { placeholder: typeOf(p.schema), required: Boolean(p.required) })]));
  const media = op.requestBody && resolve(op.requestBody).content["application/json"];
  const body = media && make("textarea", { value: pretty(media.example), spellcheck: false });
  const answer = make("pre", { hidden: true });
  const form = make("form", {},
    ...[...fields].map(([p, field]) => make("label", { title: p.description || "" }, `${p.name} (${p.in}${p.required ? ", required" : ""})`, field)),
    make("button", {}, "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, path, fields, body, answer);
  });
  return make("details", {},
    make("summary", {}, make("b", {}, method.toUpperCase()), ` ${path} `, make("span", {}, `– ${op.summary}`)),
    op.description && make("p", {}, op.description),
    make("dl", {}, ...parameters.flatMap((p) => [make("dt", {}, make("code", {}, p.name)), make("dd", {}, `${p.description || ""} (${typeOf(p.schema)})`)])),
    body && make("p", {}, "Body"), body,
    make("p", {}, "Try it"), form, answer,
    ...Object.entries(op.responses).map(([status, r]) => response(status, resolve(r))));
}

function response(status, r) {
  const examples = Object.entries(r.content || {}).map(([kind, m]) => make("pre", {}, `${kind}\n${pretty(m.example)}`));
  return make("details", {}, make("summary", {}, `${status} – ${r.description}`), ...examples);
}

async function send(method, path, fields, body, answer) {
  const query = new URLSearchParams();
  const headers = { "Accept-Language": byId("language").value };
  if (byId("token").value) headers.Authorization = `Bearer ${byId("token").value}`;
  for (const [p, field] of fields) {
    if (p.in === "path") path = path.replace(`{${p.name}}`, encodeURIComponent(field.value));
    else if (field.value && p.in === "query") query.set(p.name, field.value);
    else if (field.value && p.in === "header") headers[p.name] = field.value;
  }
  if (body) headers["Content-Type"] = "application/json";
  const url = api.servers[0].url + path + (query.size ? `?${query}` : "");
  answer.hidden = false;
  answer.textContent = `${method.toUpperCase()} ${url} ...`;
  const stop = new AbortController();
  try {
    const res = await fetch(url, { method: method.toUpperCase(), headers, body: body && body.value, signal: stop.signal });
    answer.textContent = `${res.status} ${url}\n` + ["Content-Type", "ETag", "Portal-Position", "X-Request-Id"]
      .filter((h) => res.headers.has(h)).map((h) => `${h}: ${res.headers.get(h)}\n`).join("") + "\n";
    await show(res, answer, stop);
  } catch (e) {
    answer.textContent += `\n${e}`;
  }
}

// show writes an answer as it comes, but not without end.
async function show(res, answer, stop) {
  const most = 200000;
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    if (text.length > most) { stop.abort(); text += "\n... cut off here"; break; }
    if (!(res.headers.get("Content-Type") || "").endsWith("json")) { answer.textContent += value; }
  }
  if (!(res.headers.get("Content-Type") || "").endsWith("json")) return;
  try { answer.textContent += pretty(JSON.parse(text)); } catch { answer.textContent += text; }
}

function list(word) {
  const tags = new Map(api.tags.map((t) => [t.name, []]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      const op = item[method];
      if (op && `${method} ${path} ${op.summary} ${op.description || ""}`.toLowerCase().includes(word.toLowerCase())) tags.get(op.tags[0]).push(operation(method, path, item, op));
    }
  }
  byId("operations").replaceChildren(...[...tags].filter(([, ops]) => ops.length).flatMap(([tag, ops]) => [make("h2", {}, tag), ...ops]));
}

fetch("openapi.json").then((r) => r.json()).then((document) => {
  api = document;
  byId("about").append(make("h2", {}, "About"), make("pre", {}, api.info.description));
  byId("find").addEventListener("input", () => list(byId("find").value));
  byId("caller").addEventListener("submit", (event) => event.preventDefault());
  list("");
}).catch((e) => byId("operations").replaceChildren(make("p", {}, `The document can't be read: ${e}`)));
