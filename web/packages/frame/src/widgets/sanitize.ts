/** Stands in for `sanitize-html` in the widget manager: the sanitizer that the outputs use already. */
import createDOMPurify from 'dompurify';

const purify = createDOMPurify(window);

/** The markup of a widget's description, with the tags that `options` allow. */
export default function sanitize(html: string, options: { allowedTags: string[] }): string {
  return purify.sanitize(html, {
    ALLOWED_TAGS: options.allowedTags,
    ALLOWED_ATTR: ['class', 'style', 'title', 'href', 'src'],
  });
}
