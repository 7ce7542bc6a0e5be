import { z } from 'zod';

/** Media types of the CNCF ModelPack specification and of OCI. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const ARTIFACT_TYPE = 'application/vnd.cncf.model.manifest.v1+json';
export const CONFIG_TYPE = 'application/vnd.cncf.model.config.v1+json';
const LAYER_TYPE =
  /^application\/vnd\.cncf\.model\.(weight|weight\.config|doc|code|dataset)\.v1\.(raw|tar|tar\+gzip|tar\+zstd)$/;

/** Where a layer's file belongs: ModelPack's annotation, and the one by which oras names what it pulls. */
export const PATH_ANNOTATION = 'org.cncf.model.filepath';
export const TITLE_ANNOTATION = 'org.opencontainers.image.title';
export const NAME_ANNOTATION = 'org.opencontainers.image.ref.name';

const annotations = z.record(z.string(), z.string()).optional();

const DescriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hex digits'),
  size: z.int().min(0),
  artifactType: z.string().optional(),
  annotations,
});
export type Descriptor = z.infer<typeof DescriptorSchema>;

export const LayoutSchema = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });
export const IndexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(DescriptorSchema).min(1).max(1000),
});
export const PackManifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  artifactType: z.literal(ARTIFACT_TYPE, { error: `expected a model: "${ARTIFACT_TYPE}"` }),
  config: DescriptorSchema.extend({ mediaType: z.literal(CONFIG_TYPE) }),
  layers: z.array(DescriptorSchema).min(1).max(1000),
});
export const PackConfigSchema = z.looseObject({
  descriptor: z.looseObject({
    name: z.string().optional(),
    version: z.string().optional(),
    description: z.string().optional(),
    createdAt: z.string().optional(),
  }),
});

/** How the bytes of a layer hold files; undefined for a layer that is none of a model. */
export function formOf({ mediaType }: Descriptor): 'raw' | 'tar' | 'tar+gzip' | 'tar+zstd' | undefined {
  const [, , form] = LAYER_TYPE.exec(mediaType) ?? [];
  return form === 'raw' || form === 'tar' || form === 'tar+gzip' || form === 'tar+zstd' ? form : undefined;
}

/** The media type of a version's file that is packed as it is. */
export function layerTypeOf(path: string): string {
  const kind =
    /\.(md|txt|sig)$/i.test(path) || path === 'LICENSE'
      ? 'doc'
      : path.endsWith('.json')
        ? 'weight.config'
        : 'weight';
  return `application/vnd.cncf.model.${kind}.v1.raw`;
}
