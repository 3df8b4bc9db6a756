export { files } from './spec.js'
