/* How long models were trained. */

import { seconds } from "../format.js";

/** The time of the steps of a job, without that for which they waited; a dash before any began. */
export function trainedFor({ steps }) {
  const begun = steps.filter(({ started_at: from }) => Number.isFinite(from));
  const now = Date.now() / 1000;
  const length = ({ started_at: from, finished_at: to }) => Math.max(0, (to ?? now) - from);
  return seconds(begun.length ? begun.map(length).reduce((sum, one) => sum + one, 0) : null);
}
