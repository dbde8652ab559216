// Which models and versions there are, in two menus, and which could not be loaded.

import { ask } from "./api.js";

export class Menus {
  constructor(model, version, faults, onChoice) {
    Object.assign(this, { model, version, faults, models: [] });
    model.addEventListener("change", () => { this.#listVersions(); onChoice(); });
    version.addEventListener("change", onChoice);
  }

  /** Ask what there is; what was chosen stays chosen while it is there. */
  async load() {
    const { models, faults } = await ask("v1/models");
    this.models = models;
    list(this.model, models.map(({ name }) => new Option(name)));
    this.#listVersions();
    this.faults.hidden = faults.length === 0;
    this.faults.textContent = faults.map(({ name, version, error }) =>
      `${name}, version ${version}, is not served: ${error}`).join("\n");
    if (models.length === 0) throw new Error("No model is ready.");
  }

  /** What a request names: the model, and the version unless the newest is wanted. */
  get choice() {
    const version = this.version.value;
    return version ? { model: this.model.value, version } : { model: this.model.value };
  }

  has(name, version) {
    return this.models.some((model) => model.name === name && model.versions.some((one) => one.version === version));
  }

  #listVersions() {
    const versions = this.models.find(({ name }) => name === this.model.value)?.versions ?? [];
    list(this.version, [new Option("newest", ""), ...versions.map(({ version }) => new Option(version))]);
  }
}

function list(menu, options) {
  const before = menu.value;
  menu.replaceChildren(...options);
  if (options.some(({ value }) => value === before)) menu.value = before;
}
