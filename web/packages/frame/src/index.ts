// What the app's side shares with the frame: message types only. The frame's own code starts in main.ts.
export {};
