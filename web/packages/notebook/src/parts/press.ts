/** Tells what the person pressed last. */

let pressed: Element | null = null;

addEventListener('pointerdown', (event) => (pressed = event.target instanceof Element ? event.target : null), true);
addEventListener('keydown', () => (pressed = null), true);

/**
 * Whether the last thing the person did was to press somewhere in this element. What lies under a pointer must not move
 * while it is pressed: the button would slip away and the click be lost.
 */
export const isPressed = (element: Element): boolean => pressed !== null && element.contains(pressed);
