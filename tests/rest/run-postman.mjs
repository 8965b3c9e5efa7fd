// Runs a Postman collection's requests and the assertions of their scripts, in order. `node run-postman.mjs COLLECTION BASE_URL [TOKEN]`
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import vm from 'node:vm';

const [file, baseUrl, token = ''] = process.argv.slice(2);
const collection = JSON.parse(await readFile(file, 'utf8'));
const variables = new Map(collection.variable.map(({ key, value }) => [key, value]));
variables.set('baseUrl', baseUrl);
variables.set('token', token);

const dynamic = {
  $guid: () => randomUUID(),
  $timestamp: () => String(Math.floor(Date.now() / 1000)),
  $isoTimestamp: () => new Date().toISOString(),
  $randomInt: () => String(randomInt(0, 1001)),
};

let passed = 0;
let failed = 0;

function fill(text) {
  return text.replace(/\{\{([^}]+)\}\}/g, (whole, name) => {
    if (dynamic[name]) return dynamic[name]();
    if (!variables.has(name)) throw new Error(`there is no variable ${name}`);
    return variables.get(name);
  });
}

async function send({ method, header, body, url, auth = collection.auth }) {
  const headers = Object.fromEntries(header.map(({ key, value }) => [key, fill(value)]));
  if (auth?.type === 'bearer') headers.Authorization = `Bearer ${fill(auth.bearer[0].value)}`;
  const response = await fetch(fill(url.raw), { method, headers, body: body && fill(body.raw) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The part of Postman's sandbox that the scripts use. */
function sandbox(path, { status, headers, text }) {
  const test = (name, work) => {
    try {
      work();
      passed += 1;
    } catch (error) {
      failed += 1;
      console.log(`failed: ${path} / ${name}: ${error.message}\n${status} ${text}`);
    }
  };
  const expect = (actual) => ({ to: { eql: (expected) => assert.deepEqual(actual, expected) } });
  const response = {
    code: status,
    headers: { get: (name) => headers.get(name) },
    json: () => JSON.parse(text),
    to: { have: { status: (expected) => assert.equal(status, expected) } },
  };
  const collectionVariables = { get: (name) => variables.get(name), set: (name, value) => variables.set(name, value) };
  return { pm: { test, expect, response, collectionVariables } };
}

async function run(items, path) {
  for (const { name, item, request, event } of items) {
    const place = [...path, name];
    if (item) {
      await run(item, place);
      continue;
    }
    const answer = await send(request);
    for (const { listen, script } of event) {
      if (listen === 'test') vm.runInNewContext(script.exec.join('\n'), sandbox(place.join(' / '), answer));
    }
  }
}

await run(collection.item, []);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
