import type { DieStatus } from './status.js';

/**
 * Colours that differ in lightness as well as in hue, so that they hold for colour-blind eyes and on a
 * black-and-white print (after Okabe and Ito).
 */
export const STATUS_COLORS: Readonly<Record<DieStatus, string>> = {
  unscored: '#e3e6ea',
  pass: '#8fc1de',
  unscored_fail: '#98a1ab',
  fail: '#d55e00',
  flagged: '#f2c12e',
  missed: '#3b1a66',
};

/**
 * A score's colours, first far below the threshold: quiet blues, so that a sound wafer is quiet. Blue
 * against yellow to red holds for colour-blind eyes.
 */
export const BELOW_COLORS = ['#3d7ebd', '#69a2cf', '#95c0df', '#bbd8eb', '#dceaf5'] as const;
/** From just above the threshold (ColorBrewer RdYlBu). */
export const ABOVE_COLORS = ['#fee090', '#fdae61', '#f46d43', '#d73027', '#a50026'] as const;
/** Shares of fails, first none (ColorBrewer OrRd from the second on). */
export const SHARE_COLORS = ['#dfe9f1', '#fee8c8', '#fdbb84', '#fc8d59', '#e34a33', '#b30000'] as const;
export const NO_SCORE_COLOR = '#ebedef';

export const INK = '#1c2530';
export const MUTED = '#5d6875';
export const LINE = '#b9c1ca';
export const WAFER = '#f7f8f9';
