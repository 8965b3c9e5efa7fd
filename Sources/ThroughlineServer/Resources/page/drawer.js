/** The list of chats as a drawer, on a narrow window. */
export class Drawer {
  #elements;
  #narrow = matchMedia('(max-width: 820px)');

  /** `elements`: `sidebar`, `main`, `scrim`, `opener`, `closer`. */
  constructor(elements) {
    this.#elements = elements;
    const { sidebar, scrim, opener, closer } = elements;
    opener.addEventListener('click', () => this.open());
    closer.addEventListener('click', () => this.close());
    scrim.addEventListener('click', () => this.close());
    sidebar.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.#narrow.matches) return;
      event.preventDefault();
      this.close();
    });
    this.#narrow.addEventListener('change', () => this.#fit());
    this.#fit();
  }

  open() {
    this.#turn(true);
    this.#elements.closer.focus();
  }

  close() {
    if (!this.#isOpen) return;
    this.#turn(false);
    this.#elements.opener.focus();
  }

  get #isOpen() {
    return document.body.classList.contains('sidebar-open');
  }

  #turn(isOpen) {
    document.body.classList.toggle('sidebar-open', isOpen);
    this.#elements.opener.setAttribute('aria-expanded', String(isOpen));
    this.#fit();
  }

  #fit() {
    const { sidebar, main, scrim } = this.#elements;
    sidebar.inert = this.#narrow.matches && !this.#isOpen;
    main.inert = this.#narrow.matches && this.#isOpen;
    scrim.hidden = !(this.#narrow.matches && this.#isOpen);
  }
}
