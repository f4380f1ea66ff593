import { addMessages } from '@labora/ui';

addMessages('notices', {
  title: 'Notifications',
  bell: 'Notifications',
  bellUnread: { one: 'Notifications, {count} unread', other: 'Notifications, {count} unread' },
  loading: 'Loading notifications…',
  empty: {
    title: 'Nothing new',
    text: 'You are told here when something is shared with you, or somebody asks for access.',
  },
  allRead: 'Mark all as read',
  more: 'Show more',
  unread: 'Unread',
  somebody: 'Somebody',
  something: 'an item',
  refused: 'The request was refused.',
  gave: 'Access was given.',
  answered: 'Answered',
  kind: {
    shared: '{actor} shared “{file}” with you as {role}',
    access_requested: '{actor} asks to be {role} of “{file}”',
    access_granted: '{actor} gave you access to “{file}” as {role}',
    access_refused: 'Your request for access was refused',
    owner_changed: '{actor} made you the owner of “{file}”',
    comment: '{actor} commented on “{file}”',
    mention: '{actor} mentioned you in “{file}”',
    comment_resolved: '{actor} resolved a comment on “{file}”',
    other: 'News about “{file}”',
  },
  role: { viewer: 'viewer', commenter: 'commenter', editor: 'editor', owner: 'owner' },
  letters: {
    title: 'Notifications by e-mail',
    text: 'What you find under the bell, sent to you as well.',
    wanted: 'Send me e-mails',
    to: 'They go to {address}.',
    nowhere: 'Your account has no e-mail address, so nothing is sent. Notifications are under the bell.',
  },
});
