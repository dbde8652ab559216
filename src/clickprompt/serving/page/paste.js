// Rows pasted from a spreadsheet or a CSV file.

export const MOST_ROWS = 1000;

/** Cells of a text, line after line: parted by tabs where its first line has one, else by commas; quotes as in CSV. */
export function cellsOf(text) {
  const mark = text.split("\n", 1)[0].includes("\t") ? "\t" : ",";
  const lines = [];
  let line = [], cell = "", quoted = false;
  const endCell = () => { line.push(cell.trim()); cell = ""; };
  const endLine = () => { endCell(); if (line.some((c) => c !== "")) lines.push(line); line = []; };
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') { cell += '"'; i++; }
      else quoted = false;
    } else if (letter === '"' && cell.trim() === "") { quoted = true; cell = ""; }
    else if (letter === mark) endCell();
    else if (letter === "\n") endLine();
    else if (letter !== "\r") cell += letter;
  }
  endLine();
  return lines;
}

/**
 * Texts by field of each pasted row, and what to tell about them.
 * Throws, in words, where no column is a field or a cell is no number.
 */
export function rowsOf(text, fields) {
  const [names, ...lines] = cellsOf(text);
  if (names === undefined) throw new Error("There is nothing to add: paste some rows first.");
  const byName = new Map(fields.map((field) => [field.name.toLowerCase(), field]));
  const columns = names.map((name) => byName.get(name.toLowerCase()));
  if (!columns.some(Boolean)) {
    throw new Error(`The first line names none of the columns: ${fields.map((field) => field.name).join(", ")}.`);
  }
  if (lines.length === 0) throw new Error("There are no rows beneath the line of names.");
  const rows = lines.slice(0, MOST_ROWS).map((cells, number) => {
    const row = {};
    columns.forEach((field, place) => {
      const cell = cells[place] ?? "";
      if (field === undefined || cell === "") return;
      if (field.kind === "numeric" && !Number.isFinite(Number(cell))) {
        throw new Error(`Row ${number + 1}: ${field.name} is “${cell}”; expected a number.`);
      }
      row[field.name] = cell;
    });
    return row;
  });
  const notes = [`${rows.length} row${rows.length === 1 ? "" : "s"} added.`];
  const unknown = names.filter((name, place) => columns[place] === undefined && name !== "");
  if (unknown.length) notes.push(`Not among the candidates’ fields, so left out: ${unknown.join(", ")}.`);
  if (lines.length > MOST_ROWS) notes.push(`Only the first ${MOST_ROWS} were taken.`);
  return { rows, note: notes.join(" ") };
}
