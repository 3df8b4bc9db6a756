export { files } from './spec.js'
export { fileOfTable, placeTableFile } from './transfer.js'
