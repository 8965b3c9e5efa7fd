// The chat page: one client, one open session, and the views around them.

import { clip, connect } from '../client/throughline.js';
import { Composer } from './composer.js';
import { Conversation } from './conversation.js';
import { textDialog } from './dialogs.js';
import { h, icon } from './dom.js';
import { heldKey, holdKey, identity } from './identity.js';
import { stopTargets, textOf, titleFrom } from './items.js';
import { SessionList } from './sessions.js';
import { showStatus } from './status.js';

const $ = (id) => document.getElementById(id);
const SUGGESTIONS = ['Explain how a rainbow forms', 'Plan a weekend in a city I have never seen', 'Write a haiku about the sea'];
const EMPTY = { seq: 0, session: null, inputs: [], runs: [], messages: [], requests: [], commands: [] };

const address = new URLSearchParams(location.search);
const agent = address.get('agent') || undefined;
const me = identity();
const client = connect({ url: location.origin, key: heldKey(), as: me });

let session = null;
let isStopping = false;
let renamed = null;
let unlisten = [];

const conversation = new Conversation(
  { list: $('items'), scroller: $('scroller'), jump: $('jump'), announcer: $('announcer') },
  { me: me.id, isConnected: () => client.isOpen, sendAgain: (input) => send(textOf(input) || input.parts), report },
);
const composer = new Composer({ form: $('composer'), field: $('message'), send: $('send'), stop: $('stop') }, { send, stop });
const list = new SessionList(client, { list: $('sessions'), more: $('more-sessions') }, {
  open: (id) => { go(id); closeSidebar(); }, erased: (id) => { if (session?.id === id) go(null); }, report,
});

// Sessions

/** Opens a session, or the start when there is none, and puts it in the address. */
function go(id, { push = true, create = false } = {}) {
  if (push) history.pushState(null, '', addressOf(id));
  for (const end of unlisten) end();
  session?.detach();
  session = id ? client.session(id, { create }) : null;
  window.throughline = { client, session };
  unlisten = session ? [session.on('change', changed), session.on('status', drawSession), session.on('outbox', drawSession)] : [];
  conversation.show(session);
  composer.show(id ?? '');
  list.select(id);
  drawSession();
  if (matchMedia('(hover: hover)').matches) composer.focus();
}

function addressOf(id) {
  const next = new URL(location.href);
  next.searchParams.delete('session');
  if (id) next.searchParams.set('session', id);
  return next.pathname + next.search;
}

let listTimer = null;

function changed(changes) {
  if (changes.every((change) => change.appended)) return;
  drawSession();
  giveTitle();
  if (changes.some(({ kind }) => kind === 'session' || kind === 'run' || kind === 'input')) {
    clearTimeout(listTimer);
    listTimer = setTimeout(() => list.load(), 250);
  }
}

/** A chat without a title is named after its first message, by whoever wrote that. */
function giveTitle() {
  const { state, id, status } = session;
  const first = state.inputs[0];
  if (status.name !== 'live' || !state.session || state.session.title || !first || first.by?.id !== me.id || renamed === id) return;
  const title = clip(titleFrom(textOf(first)), 400);
  if (!title) return;
  renamed = id;
  client.rename(id, title).then(() => list.load(), () => { renamed = null; });
}

// Sending and stopping

function send(content) {
  if (!session) go(client.mint('s'), { create: true });
  try {
    session.send(content, { agent });
  } catch (error) {
    say(error.detail || error.message);
    return false;
  }
  conversation.followEnd();
  return true;
}

async function stop() {
  if (!session || isStopping) return;
  isStopping = true;
  drawSession();
  const reader = session;
  await Promise.all(stopTargets(reader.state).map((target) => report(reader.stop(target))));
  isStopping = false;
  drawSession();
}

/** Waits for `promise` and tells when it fails. */
async function report(promise) {
  try {
    return await promise;
  } catch (error) {
    say(error.detail || error.message);
    return undefined;
  }
}

let sayTimer = null;

function say(text) {
  $('notice').textContent = text;
  $('notice').hidden = false;
  $('announcer').textContent = text;
  clearTimeout(sayTimer);
  sayTimer = setTimeout(drawNotice, 6000);
}

// Drawing

function drawSession() {
  const state = session?.state ?? EMPTY;
  const pending = session?.pending ?? [];
  const first = state.inputs[0] ?? pending[0];
  const title = state.session?.title || (first && titleFrom(textOf(first))) || 'New chat';
  $('title').textContent = title;
  document.title = first || state.session?.title ? `${title} · Throughline` : 'Throughline';
  const isEmpty = !state.inputs.length && !state.messages.length && !pending.length;
  $('start').hidden = !(isEmpty && (!session || session.status.name === 'live'));
  composer.setActive(stopTargets(state).length > 0);
  $('stop').disabled = isStopping;
  $('stop').lastChild.textContent = isStopping ? 'Stopping…' : 'Stop';
  const isOver = ['erased', 'refused'].includes(session?.status.name) || state.session?.state === 'closed';
  composer.setEnabled(!isOver, isOver ? 'Nothing more can be written here' : undefined);
  if (!sayTimer || $('notice').hidden) drawNotice();
}

function drawNotice() {
  sayTimer = null;
  const text = {
    missing: 'There is no chat at this address. A message starts it.', erased: 'This chat was deleted.',
    refused: `This chat cannot be read: ${session?.status.error?.detail ?? ''}`,
  }[session?.pending.length ? '' : session?.status.name]
    ?? (session?.state.session?.state === 'closed' ? 'This chat is closed.' : '');
  $('notice').textContent = text;
  $('notice').hidden = !text;
}

function drawStart() {
  $('start').append(
    h('img', { src: '/page/mark.svg', alt: '', width: '56', height: '56' }),
    h('h2', {}, 'What shall we work on?'),
    h('p', {}, 'This conversation lives on your server. Close the tab, change the device, lose the network: it goes on, and you come back to it.'),
    h('div', { class: 'chips' }, SUGGESTIONS.map((text) => h('button', { type: 'button', class: 'chip', onclick: () => { send(text); composer.focus(); } }, text))),
  );
}

// The list as a drawer, on a narrow window

const narrow = matchMedia('(max-width: 820px)');

function openSidebar() {
  document.body.classList.add('sidebar-open');
  $('open-sidebar').setAttribute('aria-expanded', 'true');
  fitSidebar();
  $('close-sidebar').focus();
}

function closeSidebar() {
  if (!document.body.classList.contains('sidebar-open')) return;
  document.body.classList.remove('sidebar-open');
  $('open-sidebar').setAttribute('aria-expanded', 'false');
  fitSidebar();
  $('open-sidebar').focus();
}

function fitSidebar() {
  const isOpen = document.body.classList.contains('sidebar-open');
  $('sidebar').inert = narrow.matches && !isOpen;
  $('main').inert = narrow.matches && isOpen;
  $('scrim').hidden = !(narrow.matches && isOpen);
}

// Keys

let isAsking = false;

async function askForKey() {
  if (isAsking) return;
  isAsking = true;
  const key = await textDialog({ title: 'This server asks for a key', label: 'Key', action: 'Connect', type: 'password' });
  isAsking = false;
  if (!key) return;
  holdKey(key);
  client.reconnect({ key });
}

// Beginning

function begin() {
  $('new-chat').append(icon('plus'), 'New chat');
  $('open-sidebar').append(icon('menu'));
  $('close-sidebar').append(icon('close'));
  $('send').append(icon('up'));
  $('stop').append(icon('stop'), h('span', {}, 'Stop'));
  $('jump').prepend(icon('down'));
  $('who').textContent = `You are ${me.id}`;
  drawStart();
  showStatus(client, { pill: $('status'), text: $('status-text'), announcer: $('announcer') });

  $('new-chat').addEventListener('click', () => { go(null); closeSidebar(); composer.focus(); });
  $('open-sidebar').addEventListener('click', openSidebar);
  $('close-sidebar').addEventListener('click', closeSidebar);
  $('scrim').addEventListener('click', closeSidebar);
  $('sidebar').addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !narrow.matches) return;
    event.preventDefault();
    closeSidebar();
  });
  narrow.addEventListener('change', fitSidebar);
  window.addEventListener('popstate', () => go(new URLSearchParams(location.search).get('session'), { push: false }));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) list.load(); });
  setInterval(() => { if (!document.hidden) list.load(); }, 10_000);
  client.on('state', (state) => {
    conversation.refresh();
    if (state.name === 'open') list.load();
    if (state.name === 'refused' && state.code === 'key_invalid') askForKey();
  });

  fitSidebar();
  go(address.get('session'), { push: false });
}

begin();
