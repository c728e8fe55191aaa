// The API, by the server that the page is from.

// answer sends the text of a body to a route below /api and returns the answer.
export async function answer(route, body, signal) {
  let response;
  try {
    response = await fetch("/api/" + route, body === undefined ? {signal} : {
      method: "POST", headers: {"Content-Type": "application/json"}, body, signal,
    });
  } catch (error) {
    throw error instanceof TypeError ? new Error("The server does not answer. Is it still running?") : error;
  }
  return response.json();
}
