/** What a node is told by whoever starts it. */
export const settings = {
  /** `a`, `b` or `c`. */
  name: required('NODE_NAME'),
  port: Number(required('PORT')),
  redisUrl: required('REDIS_URL'),
  /** Signs tokens. All nodes have the same: whoever signed in at one is known to all. */
  secret: required('TOKEN_SECRET'),
};

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: nodes are started by main.js`);
  return value;
}
