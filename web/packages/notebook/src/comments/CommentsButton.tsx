import { IconButton, t } from '@labora/ui';
import { useController, useRoom, useStore } from '../model/context';

/** Opens the list of comments, and says how many are open. */
export function CommentsButton() {
  const controller = useController();
  const shown = useStore(controller.ui.preferences).comments;
  const all = useRoom('comments', controller.room.comments);
  const count = Object.values(all).filter((comment) => comment.resolved_at === null).length;
  return (
    <span className="nb-comments-button">
      <IconButton
        icon="comment"
        label={count > 0 ? t('comments.showCount', { count }) : t('comments.show')}
        pressed={shown}
        onClick={() => controller.ui.setPreference('comments', !shown)}
      />
      {count > 0 && (
        <span className="nb-comments-count" aria-hidden="true">
          {count > 99 ? '99+' : count}
        </span>
      )}
    </span>
  );
}
