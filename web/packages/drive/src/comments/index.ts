/** Comments: the cards, where they are written, and what holds them; for the notebook's page and for other files. */
import './messages';
import './comments.css';

export { CommentCard, type CommentCardProps, type Reader, SendingText, useSending } from './CommentCard';
export { Composer, type ComposerProps } from './Composer';
export { FileComments } from './FileComments';
export {
  byTime,
  commentOf,
  Comments,
  type CommentSource,
  type Filter,
  linkedComment,
  passes,
  type Place,
  type Sending,
} from './model';
