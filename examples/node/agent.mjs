// The weather, in Node: `chatixia run examples/node` starts it and its sidecar.
import { connect, errors, MeshError } from "chatixia-mesh";

const HIGHS = { Oslo: 3.1, Rome: 17.4, Cairo: 24.5 };

await connect({
  skills: {
    forecast: {
      description: "Forecast for a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false,
      },
      idempotent: true,
      run({ city }) {
        if (!(city in HIGHS)) throw new errors.NotFound(`There is no forecast for ${city}.`);
        return { city, high_c: HIGHS[city] };
      },
    },
    every: {
      description: "Every city, one by one.",
      async *run() {
        for (const [city, high_c] of Object.entries(HIGHS)) yield { city, high_c };
      },
    },
  },
}).catch((error) => {
  if (!(error instanceof MeshError)) throw error;
  console.error(`error  ${error.message}`); // a sentence for people; Node would print where it was thrown
  process.exitCode = 1;
});
