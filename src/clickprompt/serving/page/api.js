// Questions to the server. The token lives in this module's memory and nowhere else.

let token = "";

export function useToken(text) {
  token = text;
}

export function hasToken() {
  return token !== "";
}

/** An answer that is no answer; the message is for people. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** JSON from the server: a GET, or a POST where there is a body. */
export async function ask(path, body, signal) {
  const headers = {};
  if (token) headers["Authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const what = body === undefined ? { method: "GET" } : { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, { ...what, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  throw new Refused(answer.status, content.error ?? `The server answered with status ${answer.status}.`);
}
