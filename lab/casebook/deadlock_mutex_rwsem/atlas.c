// SPDX-License-Identifier: GPL-2.0
/*
 * A mutex and a reader-writer semaphore taken in both orders. Whoever paints a tile holds the atlas's layout for
 * reading and then locks the tile; whoever finds that a tile must grow has locked the tile and then wants the layout
 * for writing. User tasks do both; others that only look at the index queue up behind the writer.
 *
 * /dev/atlas: a write of "paint TILE", "grow TILE" or "index".
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define TILES 12

struct tile {
	struct rb_node node;
	u32 key;
	u16 width;
	u16 height;
	struct mutex busy;
	u8 *pixels;
};

struct atlas {
	struct miscdevice device;
	struct rb_root tiles;
	struct rw_semaphore layout;
	u32 area;
	atomic_t looks;
	struct kmem_cache *cache;
};

static struct atlas *atlas;

static struct tile *tile_find(struct atlas *owner, u32 key)
{
	struct rb_node *node = owner->tiles.rb_node;
	struct tile *tile;

	while (node) {
		tile = rb_entry(node, struct tile, node);
		if (key == tile->key)
			return tile;
		node = key < tile->key ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void tile_insert(struct atlas *owner, struct tile *tile)
{
	struct rb_node **place = &owner->tiles.rb_node, *parent = NULL;

	while (*place) {
		parent = *place;
		place = tile->key < rb_entry(parent, struct tile, node)->key ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&tile->node, parent, place);
	rb_insert_color(&tile->node, &owner->tiles);
	owner->area += tile->width * tile->height;
}

static noinline void tile_fill(struct tile *tile, u8 colour)
{
	memset(tile->pixels, colour, tile->width * tile->height);
	fsleep(15000); /* the pixels go out on a slow wire */
}

static noinline int atlas_paint(struct atlas *owner, u32 key)
{
	struct tile *tile;
	int status = -ENOENT;

	down_read(&owner->layout);
	tile = tile_find(owner, key);
	if (tile) {
		fsleep(15000);
		mutex_lock(&tile->busy); /* guilty */
		tile_fill(tile, key);
		mutex_unlock(&tile->busy);
		status = 0;
	}
	up_read(&owner->layout);
	return status;
}

static inline void atlas_relayout(struct atlas *owner, struct tile *tile)
{
	down_write(&owner->layout); /* guilty */
	owner->area += tile->width;
	tile->height++;
	up_write(&owner->layout);
}

static noinline int tile_grow(struct atlas *owner, struct tile *tile)
{
	u8 *larger;
	int status = -ENOMEM;

	mutex_lock(&tile->busy);
	larger = kzalloc(tile->width * (tile->height + 1), GFP_KERNEL);
	if (larger) {
		tile_fill(tile, 0);
		kfree(tile->pixels);
		tile->pixels = larger;
		atlas_relayout(owner, tile); /* guilty */
		status = 0;
	}
	mutex_unlock(&tile->busy);
	return status;
}

static noinline int atlas_grow(struct atlas *owner, u32 key)
{
	struct tile *tile;

	down_read(&owner->layout);
	tile = tile_find(owner, key); /* tiles are never removed, so it stays once the layout is released */
	up_read(&owner->layout);
	return tile ? tile_grow(owner, tile) : -ENOENT;
}

static noinline int atlas_index(struct atlas *owner)
{
	struct rb_node *node;

	down_read(&owner->layout);
	for (node = rb_first(&owner->tiles); node; node = rb_next(node))
		atomic_inc(&owner->looks);
	up_read(&owner->layout);
	return 0;
}

static ssize_t atlas_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 key = 0;
	int status = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u", verb, &key) < 1)
		return -EINVAL;
	if (!strcmp(verb, "paint"))
		status = atlas_paint(atlas, key);
	else if (!strcmp(verb, "grow"))
		status = atlas_grow(atlas, key);
	else if (!strcmp(verb, "index"))
		status = atlas_index(atlas);
	return status ? status : size;
}

static const struct file_operations atlas_operations = {
	.owner = THIS_MODULE,
	.write = atlas_write,
};

static int __init atlas_init(void)
{
	struct tile *tile;
	u32 key;

	atlas = kzalloc(sizeof(*atlas), GFP_KERNEL);
	if (!atlas)
		return -ENOMEM;
	init_rwsem(&atlas->layout);
	atlas->tiles = RB_ROOT;
	atlas->cache = kmem_cache_create("atlas_tile", sizeof(struct tile), 0, 0, NULL);
	if (!atlas->cache)
		return -ENOMEM;
	for (key = 1; key <= TILES; key++) {
		tile = kmem_cache_zalloc(atlas->cache, GFP_KERNEL);
		if (!tile)
			return -ENOMEM;
		tile->key = key;
		tile->width = 16;
		tile->height = 4 + key;
		mutex_init(&tile->busy);
		tile->pixels = kzalloc(tile->width * tile->height, GFP_KERNEL);
		if (!tile->pixels)
			return -ENOMEM;
		tile_insert(atlas, tile);
		if (key == 7)
			lab_address("tile", tile);
	}
	atlas->device.minor = MISC_DYNAMIC_MINOR;
	atlas->device.name = "atlas";
	atlas->device.fops = &atlas_operations;
	lab_address("atlas", atlas);
	lab_number("busy_offset", offsetof(struct tile, busy));
	lab_number("layout_offset", offsetof(struct atlas, layout));
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&atlas->device);
}
module_init(atlas_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: tiles of an atlas");
