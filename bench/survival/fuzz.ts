import type { Survival } from './scenario.js';
export const FUZZ: Survival = { name: 'fuzz', question: '', run: async () => [] };
