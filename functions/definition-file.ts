/** Under this name the definition lies beside the code, on the laptop and in the cloud. */
export const definitionFileName = 'tidemark.yaml';
