/** Of the messages of zod in the languages of the world, only the English ones are asked for. */
export const withoutLocales = {
  name: 'without-locales',
  setup(building) {
    building.onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    }))
  },
}
