/** What a caller may do: post dies; read what is loaded; change it. None implies another. */
export const PERMISSIONS = ['predict', 'read', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Who sent a request, as far as it has proved it. */
export interface Caller {
  /** Its name in logs and refusals: the id of an API key, or `jwt:` and the subject of a token. */
  readonly id: string;
  readonly permissions: readonly Permission[];
}
