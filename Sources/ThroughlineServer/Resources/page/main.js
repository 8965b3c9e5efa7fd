// The chat page: one client, one open session, and the views around them.

import { clip, connect, emptyState } from '../client/throughline.js';
import { Composer } from './composer.js';
import { Control } from './control.js';
import { Conversation } from './conversation.js';
import { textDialog } from './dialogs.js';
import { h, icon } from './dom.js';
import { Drawer } from './drawer.js';
import { heldKey, holdKey, identity } from './identity.js';
import { stopTargets, textOf, titleFrom } from './items.js';
import { mannersOf } from './manners.js';
import { SessionList } from './sessions.js';
import { showStatus } from './status.js';

const $ = (id) => document.getElementById(id);
const SUGGESTIONS = ['Explain how a rainbow forms', 'Plan a weekend in a city I have never seen', 'Write a haiku about the sea'];
const EMPTY = emptyState();
const SEEN_MILLISECONDS = 2500;

const address = new URLSearchParams(location.search);
const agent = address.get('agent') || undefined;
const me = identity(address.get('as'));
const mayAct = me.role !== 'observer';
const client = connect({ url: location.origin, key: heldKey(), as: me });

let session = null;
let isStopping = false;
let renamed = null;
let unlisten = [];

const conversation = new Conversation(
  { list: $('items'), scroller: $('scroller'), jump: $('jump'), announcer: $('announcer') },
  { me, mayAct, isConnected: () => client.isOpen, sendAgain: (input) => send(textOf(input) || input.parts), edit, fork, report },
);
const composer = new Composer(
  { form: $('composer'), field: $('message'), send: $('send'), stop: $('stop'), manner: $('manner') },
  { send, stop, typing: (isTyping) => session?.typing(isTyping) },
);
const control = new Control($, { me, mayAct, report, fork, open: go, say, tell, focus: () => composer.focus() });
const drawer = new Drawer({
  sidebar: $('sidebar'), main: $('main'), scrim: $('scrim'), opener: $('open-sidebar'), closer: $('close-sidebar'),
});
const list = new SessionList(client, { list: $('sessions'), more: $('more-sessions') }, {
  open: (id) => { go(id); drawer.close(); }, erased: (id) => { if (session?.id === id) go(null); }, report,
});

// Sessions

/** Opens a session, or the start when there is none, and puts it in the address. */
function go(id, { push = true, create = false } = {}) {
  if (push) history.pushState(null, '', addressOf(id));
  for (const end of unlisten) end();
  session?.detach();
  session = id ? client.session(id, { create }) : null;
  window.throughline = { client, session };
  unlisten = session ? [session.on('change', changed), session.on('status', drawSession), session.on('outbox', drawSession),
    session.on('presence', () => control.showPeople(session))] : [];
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
  markSeen();
  if (changes.every((change) => change.appended)) return;
  drawSession();
  giveTitle();
  if (changes.some(({ kind }) => kind === 'session' || kind === 'run' || kind === 'input')) {
    clearTimeout(listTimer);
    listTimer = setTimeout(() => list.load(), 250);
  }
}

let seenTimer = null;

/** Tells how far one has read here, not oftener than has to be. */
function markSeen() {
  seenTimer ??= setTimeout(() => {
    seenTimer = null;
    if (session && conversation.isAtEnd) session.seen();
  }, SEEN_MILLISECONDS);
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

function send(content, manner) {
  if (!session) go(client.mint('s'), { create: true });
  if (manner?.says) return speak(content, manner);
  try {
    session.send(content, { agent, followUp: manner?.followUp });
  } catch (error) {
    say(error.detail || error.message);
    return false;
  }
  conversation.followEnd();
  return true;
}

/** Says something as a person. To everyone, while one has the baton, it answers what waits. */
function speak(content, { audience }) {
  const { state } = session;
  const answers = state.baton && !audience ? state.queue : [];
  session.say(content, { audience, answers }).catch((error) => {
    say(error.detail || error.message);
    composer.fill(content);
  });
  conversation.followEnd();
  return true;
}

/** Changes what an input says; one that was taken already gets another beside it. */
async function edit(input) {
  const text = textOf(input);
  const next = await textDialog({ title: 'Edit this message', label: 'Message', value: text, action: 'Save', rows: 4 });
  if (!next || next === text) return;
  await report(session.state.queue.includes(input.id) ? session.edit(input.id, next) : session.revise(input.id, next, { agent: input.agent }));
}

/** Opens a new chat that begins as this one was: after the end of a run, or as it is now. */
async function fork(options) {
  const { title } = session.state.session;
  const made = await report(session.fork({ ...options, title: title && `${clip(title.replace(/ \(fork\)$/, ''), 400)} (fork)` }));
  if (!made) return;
  go(made);
  tell('This is the new chat.');
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

/** Tells screen readers. */
function tell(text) {
  $('announcer').textContent = text;
}

let sayTimer = null;

function say(text) {
  $('notice').textContent = text;
  $('notice').hidden = false;
  tell(text);
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
  composer.setActive(mayAct && stopTargets(state).length > 0);
  $('stop').disabled = isStopping;
  $('stop').lastChild.textContent = isStopping ? 'Stopping…' : 'Stop';
  const isOver = ['erased', 'refused'].includes(session?.status.name) || state.session?.state === 'closed';
  composer.setEnabled(!isOver && mayAct, isOver ? 'Nothing more can be written here' : mayAct ? undefined : 'You only watch here');
  composer.setManners(mannersOf(state, me));
  control.show(session);
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

  $('new-chat').addEventListener('click', () => { go(null); drawer.close(); composer.focus(); });
  window.addEventListener('popstate', () => go(new URLSearchParams(location.search).get('session'), { push: false }));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) list.load(); });
  setInterval(() => { if (!document.hidden) list.load(); }, 10_000);
  client.on('state', (state) => {
    conversation.refresh();
    if (state.name === 'open') list.load();
    if (state.name === 'refused' && state.code === 'key_invalid') askForKey();
  });

  go(address.get('session'), { push: false });
}

begin();
