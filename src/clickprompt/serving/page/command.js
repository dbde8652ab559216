// The shown request as a command for a terminal.

import { hasToken } from "./api.js";

/** A curl command; the token stays a name. */
export function commandOf(address, request) {
  const lines = [`curl ${quoted(address)}`, "-H 'Content-Type: application/json'"];
  if (hasToken()) lines.push('-H "Authorization: Bearer $CLICKPROMPT_TOKEN"');
  lines.push(`-d ${quoted(JSON.stringify(request))}`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
