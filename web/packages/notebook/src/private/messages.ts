import { addMessages } from '@labora/ui';

addMessages('private', {
  settings: {
    title: 'Notebook settings',
    omit: 'Omit code cell output when saving this notebook',
    omitHelp:
      'Each person sees only the output of what they run themselves, until their runtime ends. It is in no saved version, copy, download or search. Output that is stored now is taken out when you save this.',
    strip: 'Take personal metadata out when saving this notebook',
    stripHelp:
      'Names, pictures and ids of people that other editors, such as Colaboratory, write beside cells. Text, code and outputs stay as they are.',
    readOnly: 'Only people who may edit this notebook can change these settings.',
    saved: 'Notebook settings saved.',
  },
  old: {
    title: 'Earlier versions may hold output',
    doneTitle: 'Earlier versions',
    text: 'Versions that were saved before still hold what cells printed, also those with a name or a pin. You can take it out of all of them. This cannot be undone.',
    open: 'Remove output from earlier versions…',
    run: 'Remove from all versions',
    later: 'Not now',
    progress: { one: '{count} version looked at, of {total}', other: '{count} versions looked at, of {total}' },
    done: { one: 'Output removed from one version.', other: 'Output removed from {count} versions.' },
    none: 'No earlier version held any output.',
    unreadable: {
      one: 'One version could not be read and was left as it is.',
      other: '{count} versions could not be read and were left as they are.',
    },
    stopped: 'It stopped: {message} What was done stays done; start it again to go on.',
  },
  omitted: 'Output not saved',
  omittedHelp: 'This notebook omits output when it is saved. Press for its settings.',
  own: 'Only you see this output. It ends with your runtime.',
  playground: {
    title: 'Playground of “{name}”',
    text: {
      one: 'What you change and run here stays with you and is not saved in the original. Kept for a day after you last open it.',
      other:
        'What you change and run here stays with you and is not saved in the original. Kept for {count} days after you last open it.',
    },
    copy: 'Save a copy',
    refresh: 'Get changes',
    refreshed: 'Changes of the original were merged in.',
    current: 'The original has no changes that are not here.',
    original: 'Original',
    discard: 'Discard',
    discardTitle: 'Discard this playground?',
    discardText: 'What you changed and ran here is lost. The original stays as it is.',
    running: 'Running in your own playground: the original stays as it is.',
    readOnly: 'You can read this notebook, not change it. In a playground you can change and run it for yourself.',
    open: 'Open in playground',
    resume: 'Go on in your playground',
    signIn: 'You can read this notebook. Sign in to run it.',
    signInAction: 'Sign in to run',
  },
});
